//! SQLite and PostgreSQL behind one [`Store`].
