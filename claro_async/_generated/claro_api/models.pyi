from generated.claro_api.models import *
