-- The table that the services show.
CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, email text);
INSERT INTO users (name, email)
VALUES ('Alice', 'alice@example.org'), ('Bob', NULL), ('Čapek "R.U.R."', 'karel@example.org');
