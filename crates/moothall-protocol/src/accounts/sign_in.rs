//! Signing up and in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SessionKind, UserSummary};
use crate::audit::REASON;
use crate::{SessionId, Timestamp, UserId, limits};

/// Makes an account without e-mail and password. The answer holds the secret that signs in again; the server shows it once
/// and cannot recover it.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignUpGuest {
    /// The name; without one the server makes one up.
    #[serde(default)]
    #[schemars(length(max = limits::NAME_LENGTH_MAX))]
    pub name: Option<String>,
    /// What kind of client this is.
    #[serde(default)]
    pub kind: Option<SessionKind>,
    /// By which the game knows the device, if it does. Kept as a hash, and only to keep banned devices out.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::DEVICE_ID_LENGTH_MAX))]
    pub device_id: Option<String>,
}

/// Makes an account with e-mail and password. Roles and the like are given by staff, never asked for here.
///
/// A taken name is told, as names are public. Whether an address has an account is not told where the site verifies addresses:
/// the answer is the same, and the e-mail says it. Other sites cannot help it, since the address signs in at once.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    /// The name others see. Space around it does not count.
    #[schemars(length(min = 1, max = limits::NAME_LENGTH_MAX))]
    pub name: String,
    /// The e-mail address. Space around it and upper case do not count.
    #[schemars(length(min = 3, max = limits::EMAIL_LENGTH_MAX))]
    pub email: String,
    /// The password.
    #[schemars(length(min = 1, max = limits::PASSWORD_LENGTH_MAX))]
    pub password: String,
    /// What kind of client this is.
    #[serde(default)]
    pub kind: Option<SessionKind>,
    /// By which the game knows the device, if it does. Kept as a hash, and only to keep banned devices out.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::DEVICE_ID_LENGTH_MAX))]
    pub device_id: Option<String>,
}

/// What signing up came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SignedUp {
    /// The account.
    pub user: UserSummary,
    /// What is left to do.
    pub next: NextStep,
    /// The new session, if nothing is left to do.
    pub session: Option<SignedIn>,
}

/// What is left to do after signing up, by the site's setting `accounts.verification`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    /// Nothing: `session` is there.
    Play,
    /// Open the link that was sent by e-mail, then sign in. Whether the address had an account already stands only in the
    /// e-mail.
    VerifyEmail,
    /// Wait for staff to approve the account, then sign in.
    AwaitApproval,
}

/// Signs in: with `login` and `password`, or with the `guest_secret` of a guest.
///
/// The answer is the same, in text and in time, for a wrong password and for a login nobody has. Guesses are counted for each
/// login and each network before the password is looked at; after a few, each one has to wait longer than the one before
/// (`sign_in_throttled`). Where a user has been signed in within the last 30 days, guesses from elsewhere do not hold them up.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The name or the e-mail address.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::EMAIL_LENGTH_MAX))]
    pub login: Option<String>,
    /// The password.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::PASSWORD_LENGTH_MAX))]
    pub password: Option<String>,
    /// The secret a guest was given when signing up.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::SECRET_LENGTH_MAX))]
    pub guest_secret: Option<String>,
    /// What kind of client this is.
    #[serde(default)]
    pub kind: Option<SessionKind>,
    /// By which the game knows the device, if it does. Kept as a hash, and only to keep banned devices out.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::DEVICE_ID_LENGTH_MAX))]
    pub device_id: Option<String>,
}

/// A session, and what it needs to be used. Keep the refresh token secret and in one place.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SignedIn {
    /// Who is signed in.
    pub user: UserSummary,
    /// The session.
    pub session_id: SessionId,
    /// What kind of client it is.
    pub kind: SessionKind,
    /// Goes with every request: a JWT signed with EdDSA, whose keys are at `/v1/accounts/jwks`.
    pub access_token: String,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// Gets the next access token, and a new refresh token with it. Each one is used once.
    pub refresh_token: String,
    /// When the session ends if it is not refreshed.
    pub refresh_expires_at: Timestamp,
    /// Signs a guest in on another day. Shown at sign-up, and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_secret: Option<String>,
    /// The account is about to be erased, unless its owner calls that off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after: Option<Timestamp>,
}

/// Takes new tokens for a session.
///
/// A refresh token is used once. If the answer got lost, sending the same token again within 30 seconds gets the same answer;
/// any later use means that somebody else has it too, and ends the session.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token that came last.
    #[schemars(length(min = 1, max = limits::SECRET_LENGTH_MAX))]
    pub refresh_token: String,
}

/// Ends this session: its tokens are void at once, and its socket closes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignOut {}

/// Gives a guest's account an e-mail address and a password. The id and all that hangs on it stay.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpgradeGuest {
    /// The name from now on; without one the guest's name stays.
    #[serde(default)]
    #[schemars(length(min = 1, max = limits::NAME_LENGTH_MAX))]
    pub name: Option<String>,
    /// The e-mail address.
    #[schemars(length(min = 3, max = limits::EMAIL_LENGTH_MAX))]
    pub email: String,
    /// The password.
    #[schemars(length(min = 1, max = limits::PASSWORD_LENGTH_MAX))]
    pub password: String,
}

/// Changes the password. All other sessions of the account end, sockets included; API keys stay.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password until now.
    #[schemars(length(min = 1, max = limits::PASSWORD_LENGTH_MAX))]
    pub password: String,
    /// The password from now on.
    #[schemars(length(min = 1, max = limits::PASSWORD_LENGTH_MAX))]
    pub new_password: String,
}

/// Makes a code that signs this user in once more, within 30 seconds: for a web page that the game opens.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSignInCode {
    /// What kind of client the code is for.
    #[serde(default)]
    pub kind: Option<SessionKind>,
}

/// A code that signs in once.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SignInCode {
    /// The code.
    pub code: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// Signs in with a code of `accounts.create_sign_in_code`, which is void after that.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInWithCode {
    /// The code.
    #[schemars(length(min = 1, max = limits::SECRET_LENGTH_MAX))]
    pub code: String,
}

/// Makes the first administrator, with the token that the server printed when it started without one.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimAdministrator {
    /// The token.
    #[schemars(length(min = 1, max = limits::SECRET_LENGTH_MAX))]
    pub token: String,
    /// The name others see.
    #[schemars(length(min = 1, max = limits::NAME_LENGTH_MAX))]
    pub name: String,
    /// The e-mail address, if there is to be one.
    #[serde(default)]
    #[schemars(length(min = 3, max = limits::EMAIL_LENGTH_MAX))]
    pub email: Option<String>,
    /// The password.
    #[schemars(length(min = 1, max = limits::PASSWORD_LENGTH_MAX))]
    pub password: String,
}

/// Approves an account that waits for it, on sites where staff looks at every new one. Approving twice does nothing.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveUser {
    /// Whose.
    pub user_id: UserId,
    /// Why, for the audit log.
    #[schemars(length(max = limits::REASON_LENGTH_MAX), regex(pattern = REASON))]
    pub reason: String,
}

crate::hide! {
    SignUpGuest { name, kind; device_id }
    SignUp { name, email, kind; password, device_id }
    SignIn { login, kind; password, guest_secret, device_id }
    SignedIn { user, session_id, kind, expires_at, refresh_expires_at, delete_after; access_token, refresh_token, guest_secret }
    Refresh {; refresh_token }
    UpgradeGuest { name, email; password }
    ChangePassword {; password, new_password }
    SignInCode { expires_at; code }
    SignInWithCode {; code }
    ClaimAdministrator { name, email; token, password }
}
