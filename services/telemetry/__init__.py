"""Telemetry: logs, metrics and health of every process."""
