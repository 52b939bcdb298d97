from generated.claro_api.operations import *
