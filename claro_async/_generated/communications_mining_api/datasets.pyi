from generated.communications_mining_api.datasets import *
