from generated.claro_api.operation import *
