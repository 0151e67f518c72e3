//! E-mail addresses of users, and getting back in by e-mail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits;

/// Sends a code to the caller's e-mail address, to show that it is theirs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestEmailVerification {}

/// Shows that an e-mail address is the user's, with the code that was sent there. Confirms a change of address too.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyEmail {
    /// The code.
    #[schemars(length(min = 1, max = limits::SECRET_LENGTH_MAX))]
    pub code: String,
}

/// Asks for another e-mail address. It counts once the code sent there comes back; the old address is told, and can revoke
/// the change for three days after that.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEmail {
    /// The e-mail address from then on.
    #[schemars(length(min = 3, max = limits::EMAIL_LENGTH_MAX))]
    pub email: String,
    /// The current password.
    #[schemars(length(min = 1, max = limits::PASSWORD_LENGTH_MAX))]
    pub password: String,
}

/// Takes a change of e-mail address back, with the code that the old address was sent. All sessions end, and the old address
/// gets a code to set a new password: whoever changed it knew the old one.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeEmailChange {
    /// The code.
    #[schemars(length(min = 1, max = limits::SECRET_LENGTH_MAX))]
    pub code: String,
}

/// Sends a code that sets a new password, if the address is an account's. The answer is the same if it is not.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestPasswordReset {
    /// The e-mail address.
    #[schemars(length(min = 3, max = limits::EMAIL_LENGTH_MAX))]
    pub email: String,
}

/// Sets a new password, with the code that was sent by e-mail. All sessions end.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// The code.
    #[schemars(length(min = 1, max = limits::SECRET_LENGTH_MAX))]
    pub code: String,
    /// The password from now on.
    #[schemars(length(min = 1, max = limits::PASSWORD_LENGTH_MAX))]
    pub password: String,
}

crate::hide! {
    VerifyEmail {; code }
    ChangeEmail { email; password }
    RevokeEmailChange {; code }
    ResetPassword {; code, password }
}
