"""`python -m collabchat_asgi`."""

import sys

from .cli import main

sys.exit(main())
