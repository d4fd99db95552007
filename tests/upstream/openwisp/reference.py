"""OpenWISP itself on a database of its own, for `values.py --record`; says its URL and serves until it is stopped.

PYTHONPATH=.. DJANGO_SETTINGS_MODULE=openwisp.settings ROLLCALL_ADMIN_PASSWORD=... python -m openwisp.reference
"""

import os
from threading import Event

import django

if __name__ == "__main__":
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from .control import Control

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_superuser("admin", password=os.environ["ROLLCALL_ADMIN_PASSWORD"])
    print(f"http://127.0.0.1:{Control().port}", flush=True)
    Event().wait()
