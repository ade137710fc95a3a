from recurring_task_service.app import create
from todo_common.server import main

main("recurring-task-service", create)
