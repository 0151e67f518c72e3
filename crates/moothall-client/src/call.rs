//! What a call is: an input that knows its operation.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The input of an operation. Implemented for every input type of the protocol by a generated table.
pub trait Call: Serialize + Sync {
    /// The operation's name.
    const OPERATION: &'static str;
    /// The HTTP method.
    const METHOD: &'static str;
    /// The path below `/v1`, with `{fields}` of the input.
    const PATH: &'static str;
    /// What it answers.
    type Output: DeserializeOwned;
}

/// Implements [`Call`] for the inputs of a context.
macro_rules! calls {
    ($($method:literal $path:literal $operation:literal: $input:ty => $output:ty;)+) => {$(
        impl $crate::Call for $input {
            const OPERATION: &'static str = $operation;
            const METHOD: &'static str = $method;
            const PATH: &'static str = $path;
            type Output = $output;
        }
    )+};
}

pub(crate) use calls;
