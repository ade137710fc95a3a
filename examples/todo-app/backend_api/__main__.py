from backend_api.app import create
from todo_common.server import main

main("backend-api", create)
