"""The office's pages, under /dashboard: is everything in agreement, has this customer paid, what needs a
person. Nothing here changes money but by the verbs that the API and the command line have, too."""
