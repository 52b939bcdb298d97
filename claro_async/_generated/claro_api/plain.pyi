from generated.claro_api.plain import *
