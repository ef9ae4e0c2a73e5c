"""The tests; each folder's are about one command or one part, `helpers` holds what several share."""
