-- The table that the snippets speak of.
CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, email text UNIQUE,
                    active boolean NOT NULL DEFAULT true);
INSERT INTO users (name, email) VALUES ('Alice', 'alice@example.org'), ('Bob', NULL);
