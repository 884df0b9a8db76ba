"""Loggers under the name that the integrator's training knows them by."""

from gazenet.learning.loggers import check_logger as check_logger
from gazenet.learning.loggers import make_logger as make_logger
