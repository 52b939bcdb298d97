from generated.communications_mining_api.operations import *
