//! What may go wrong with remote configuration.

crate::faults! {
    /// Why an operation on remote configuration was refused.
    pub enum Error {
        /// There are as many entries as there may be: see `config_entries_max`. Take one away first.
        TooMany => Conflict, "config_too_many", "there are as many entries as there may be";
        /// What one client may have to read would be more than `config_answer_bytes_max`.
        TooLarge => Conflict, "config_too_large", "all of it together would be too large to read";
    }
}
