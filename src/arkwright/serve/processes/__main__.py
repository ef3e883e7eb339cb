"""How a worker begins: `python -m arkwright.serve.processes START`, where START is the JSON of `control.Start`.

Nothing is collected while it imports: of that nothing goes, and to look through it again and again takes as long as
to load a model.
"""

import gc
from importlib import import_module

gc.disable()
import_module("arkwright.serve.processes.worker").main()
