//! What may go wrong with jobs.

crate::faults! {
    /// Why an operation on jobs was refused.
    pub enum Error {
        /// All of it was done: there is nothing to go on with or to call off.
        Over => Conflict, "job_over", "this job is done";
        /// There is one unfinished job of its kind and key at most, and there is one.
        Twice => Conflict, "job_twice", "another job is about the same";
    }
}
