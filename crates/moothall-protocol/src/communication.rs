//! Communication: rooms, direct conversations, messages.
