-- Somebody to ask for. In a service of your own this file goes away.
INSERT INTO users (name, email)
VALUES ('Alice', 'alice@example.org'), ('Bob', NULL), ('Čapek "R.U.R."', 'karel@example.org');
