from sse_gateway.app import create
from todo_common.server import main

main("sse-gateway", create)
