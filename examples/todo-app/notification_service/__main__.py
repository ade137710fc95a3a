from notification_service.app import create
from todo_common.server import main

main("notification-service", create)
