//! Why an operation on accounts was refused.

use std::time::Duration;

use moothall_protocol::Timestamp;

crate::faults! {
    /// Why an operation on accounts was refused.
    pub enum Error {
        /// Whatever was wrong with them: the answer is the same for an unknown login, so that nobody learns who has an account.
        BadCredentials => Unauthenticated, "bad_credentials", "the login or the password is wrong";
        /// Too many wrong guesses, for this login or from this network. Wait `retry_after_ms`, or reset the password. Networks
        /// where the account has been signed in before are not held up by strangers' guesses.
        Throttled { retry_after: Duration } => Limited, "sign_in_throttled", "too many wrong guesses: wait before the next";
        /// Many passwords are waiting to be checked. Wait `retry_after_ms`.
        Busy { retry_after: Duration } => Unavailable, "busy", "too many are signing in right now: wait a moment";
        /// Another account has this name, or one that looks like it, or had it until lately.
        NameTaken => Conflict, "name_taken", "this name is taken";
        /// Another account has this address. Sites that verify addresses never answer this; they say it by e-mail.
        EmailTaken => Conflict, "email_taken", "this e-mail address has an account already";
        /// This site takes no new accounts for now: see the setting `accounts.sign_ups`.
        SignUpsClosed => Forbidden, "sign_ups_closed", "there are no new accounts for now";
        /// This site has no guests.
        GuestsRefused => Forbidden, "guests_refused", "sign up with e-mail and password";
        /// Open the link in the e-mail first.
        EmailUnverified => Forbidden, "email_unverified", "verify your e-mail address first";
        /// Staff looks at every new account of this site.
        ApprovalPending => Forbidden, "approval_pending", "your account waits for approval";
        /// Only guests can be upgraded; this account has a password already.
        NotAGuest => Conflict, "not_a_guest", "this account is no guest's";
        /// Guests and bots have no password. A guest gets one by upgrading.
        NoPassword => Conflict, "no_password", "this account has no password";
        /// The token is wrong, was used, or there is an administrator already. The server prints a new one when it starts
        /// without an administrator.
        SetupOver => Forbidden, "setup_over", "this token does not make an administrator any more";
        /// There is a role of this name.
        RoleTaken => Conflict, "role_taken", "there is a role of this name";
        /// Take it from everybody first.
        RoleInUse => Conflict, "role_in_use", "somebody has this role";
        /// It came with the server. Its permissions can be changed, except those of the administrator.
        RoleSeeded => Conflict, "role_seeded", "this role cannot be deleted or changed like this";
        /// Delete one first.
        TooManyRoles => Conflict, "too_many_roles", "there are too many roles";
        /// Make another administrator first, for good.
        LastAdministrator => Conflict, "last_administrator", "somebody must remain who may do everything";
        /// A role or a key can only hold what its maker may do, and who may do more than you is not yours to change.
        BeyondOwn => Forbidden, "beyond_own_permissions", "you cannot give what you may not do yourself";
        /// One may change one's name now and then only: `until` says when again.
        RenameTooSoon { until: Timestamp } => Conflict, "rename_too_soon", "you changed your name not long ago";
        /// It was used, is too old, or something later took its place. Ask for a new one.
        CodeInvalid => Forbidden, "code_invalid", "this code is not valid any more";
        /// Guests and bots have no address. A guest gets one by upgrading.
        NoEmail => Conflict, "no_email", "this account has no e-mail address";
        /// There is nothing left to show.
        AlreadyVerified => Conflict, "already_verified", "your e-mail address is verified already";
        /// Whoever has no password shows by signing in again that it is them.
        FreshSignInNeeded => Forbidden, "fresh_sign_in_needed", "sign in again first";
        /// Delete one first.
        TooManyEntries => Conflict, "too_many_entries", "this user has too many entries of extra data";
        /// A key acts for its user in the game, and has no say over the account: a leaked one would outlive its revocation.
        SessionNeeded => Forbidden, "session_needed", "an API key cannot do this: sign in";
        /// Revoke one first.
        TooManyKeys => Conflict, "too_many_keys", "this user has too many keys";
    }
}
