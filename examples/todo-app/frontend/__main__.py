from frontend.app import create
from todo_common.server import main

main("frontend", create)
