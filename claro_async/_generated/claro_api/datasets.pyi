from generated.claro_api.datasets import *
