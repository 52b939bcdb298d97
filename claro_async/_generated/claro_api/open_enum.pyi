from generated.claro_api.open_enum import *
