from generated.communications_mining_api.plain import *
