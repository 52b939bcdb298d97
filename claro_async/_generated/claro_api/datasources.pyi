from generated.claro_api.datasources import *
