"""What moves jobs: accepting, dispatching, claiming, executing, recording, sweeping; and Celery, and the settings."""
