//! What the letters say.

use crate::mail::{Email, Settings};

/// A letter about an account.
#[derive(Clone, Copy, Debug)]
pub(super) enum Letter<'a> {
    /// To an address somebody signed up with.
    Verify { code: &'a str },
    /// To an address that is an account's already, when somebody wants to use it for another.
    AlreadyYours,
    /// To the new address.
    ConfirmChange { code: &'a str },
    /// To the old address, at once; with a code, if it was shown to be the user's.
    ChangeRequested { code: Option<&'a str> },
    /// To the old address, once the new one is confirmed.
    Changed { can_revoke: bool },
    /// To the old address, once the change is revoked.
    Revoked { code: &'a str },
    /// To whoever forgot their password.
    Reset { code: &'a str },
    /// Once a new password was set by e-mail.
    PasswordSet,
    /// Once the owner, or staff, asked for deletion.
    Deletion { on: &'a str, is_by_staff: bool },
}

impl Letter<'_> {
    /// In a word, for counting.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Verify { .. } => "verify",
            Self::AlreadyYours => "already_yours",
            Self::ConfirmChange { .. } => "confirm_change",
            Self::ChangeRequested { .. } => "change_requested",
            Self::Changed { .. } => "changed",
            Self::Revoked { .. } => "revoked",
            Self::Reset { .. } => "reset",
            Self::PasswordSet => "password_set",
            Self::Deletion { .. } => "deletion",
        }
    }

    pub(super) fn write(&self, settings: &Settings, name: &str, to: &str) -> Email {
        let site = &settings.site_name;
        // The code stands behind `#`, so that no server's log and no referrer has it.
        let link = |page: &str, code: &str| {
            format!(
                "{}/account/{page}#code={code}\n\nOr enter this code: {code}",
                settings.public_url.trim_end_matches('/')
            )
        };
        let (subject, text) = match self {
            Self::Verify { code } => (
                format!("Your e-mail address at {site}"),
                format!(
                    "Open this within a day to show that this address is yours:\n\n{}\n\nIf you did not sign up at {site}, do nothing.",
                    link("verify-email", code)
                ),
            ),
            Self::AlreadyYours => (
                format!("You have an account at {site} already"),
                format!(
                    "Somebody, perhaps you, wanted to use this address for an account at {site}. It is the address of your \
                     account {name}, so nothing was changed. If you forgot your password, ask for a new one."
                ),
            ),
            Self::ConfirmChange { code } => (
                format!("Your new e-mail address at {site}"),
                format!(
                    "Open this within a day to use this address for your account {name}:\n\n{}\n\nIf you did not ask for this, do nothing.",
                    link("verify-email", code)
                ),
            ),
            Self::ChangeRequested { code: None } => (
                format!("Your e-mail address at {site} is about to change"),
                format!(
                    "Somebody who knows your password asked to use another address for your account {name}. If that was you, do \
                     nothing.\n\nIf it was not you, change your password at once: that voids the change. Since this address was \
                     never shown to be yours, it cannot take the change back later."
                ),
            ),
            Self::ChangeRequested { code: Some(code) } => (
                format!("Your e-mail address at {site} is about to change"),
                format!(
                    "Somebody who knows your password asked to use another address for your account {name}. If that was you, do \
                     nothing.\n\nIf it was not you, open this. It takes the change back, signs everybody out, and lets you \
                     set a new password. It works for three days after the change, too:\n\n{}",
                    link("revoke-email-change", code)
                ),
            ),
            Self::Changed { can_revoke } => (
                format!("Your e-mail address at {site} has changed"),
                format!(
                    "Your account {name} uses another address from now on. If that was not you, {}turn to whoever runs {site}.",
                    if *can_revoke {
                        "open the link of the e-mail that announced the change, or "
                    } else {
                        ""
                    }
                ),
            ),
            Self::Revoked { code } => (
                format!("The change of your e-mail address at {site} was revoked"),
                format!(
                    "Your account {name} uses this address again, and everybody is signed out. Set a new password within \
                     {} minutes:\n\n{}",
                    super::RESET_CODE_MINUTES,
                    link("reset-password", code)
                ),
            ),
            Self::Reset { code } => (
                format!("A new password at {site}"),
                format!(
                    "Open this within {} minutes to set a new password for your account {name}:\n\n{}\n\nIf you did not ask for \
                     this, do nothing.",
                    super::RESET_CODE_MINUTES,
                    link("reset-password", code)
                ),
            ),
            Self::PasswordSet => (
                format!("Your password at {site} was changed"),
                format!(
                    "The password of your account {name} was changed, and everybody is signed out. If that was not you, ask for a new one at once."
                ),
            ),
            Self::Deletion { on, is_by_staff } => (
                format!("Your account at {site} is about to be erased"),
                format!(
                    "{} for your account {name} to be erased. That happens after {on}. Until then you can sign in and call it off.",
                    if *is_by_staff { format!("The staff of {site} asked") } else { "You asked".to_owned() }
                ),
            ),
        };
        Email { to: to.to_owned(), subject, text: format!("Hello {name},\n\n{text}\n") }
    }
}
