"""How workers begin: `python -m arkwright.serve.processes WORDS`, where the words are those of the zygote.

Nothing is collected while it imports: of that nothing goes, and to look through it again and again takes as long as
to load a model.
"""

import gc
from importlib import import_module

gc.disable()
import_module("arkwright.serve.processes.zygote").main()
