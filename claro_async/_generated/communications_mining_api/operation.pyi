from generated.communications_mining_api.operation import *
