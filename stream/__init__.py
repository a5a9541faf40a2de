"""The Faust app: scoring, graph writer and archive, one role a process."""
