from generated.communications_mining_api.open_enum import *
