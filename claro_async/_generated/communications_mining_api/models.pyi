from generated.communications_mining_api.models import *
