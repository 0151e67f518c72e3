//! What users sign in with: how they are found by it, new users, and whether an account may be used at all.
//!
//! Start at [`NewUser`] and [`Account`]. [`Standing::check`] is the one place that says whether an account may be used; it is
//! asked whenever tokens are issued, refreshed or used.

mod store;

use moothall_protocol::accounts::UserSummary;
use moothall_protocol::{Timestamp, UserId};
use unicode_normalization::UnicodeNormalization as _;

pub(super) use store::{
    STATEMENTS, approve, find_by_guest_secret, find_by_id, find_by_login, set_hash, set_password,
};

use super::names::{self, Name};
use super::secret::Hash;
use super::settings::Verification;
use super::{Error, email};
use crate::cx::{Cx, Tx};

/// An e-mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email {
    /// As it was given, without space around it.
    pub display: String,
    /// Folded: no two accounts share one.
    pub key: String,
}

impl Email {
    /// Reads an address: something before the last `@`, a domain after it, and nothing that could hide in a header or
    /// a log. Whether it is really there shows only when a mail to it is answered.
    pub fn parse(text: &str) -> Result<Self, crate::Error> {
        let display: String = text.trim().nfc().collect();
        let is_plain =
            !display.chars().any(|c| c.is_control() || c.is_whitespace() || "<>(),;:\\\"[]".contains(c));
        let is_address = display.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && local.len() <= 64
                && !local.contains('@')
                && !domain.is_empty()
                && domain.split('.').all(|label| {
                    !label.is_empty()
                        && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                        && !label.starts_with('-')
                })
        });
        if !is_plain || !is_address || display.len() > moothall_protocol::limits::EMAIL_LENGTH_MAX {
            return Err(crate::Error::field("/email", "bad_format", "this is no e-mail address"));
        }
        Ok(Self { key: Self::key_of(&display), display })
    }

    /// The form to look an address up by.
    pub fn key_of(text: &str) -> String {
        text.trim().nfkc().flat_map(char::to_lowercase).collect()
    }
}

/// Whose verified address this is.
pub(crate) async fn find_by_email(cx: &Cx, email: &str) -> Result<Option<UserId>, crate::Error> {
    let email = Email::parse(email)?.display;
    let found = cx.read(move |tx| find_by_login(tx, &email)).await.map_err(Error::into_common)?;
    let verified = found.filter(|account| account.standing.email_verified_at.is_some());
    Ok(verified.map(|account| account.user.id))
}

/// The form in which a typed login is looked up and counted: an address has an `@`, and a name has none.
pub(super) fn login_key(login: &str) -> String {
    if login.contains('@') { Email::key_of(login) } else { Name::key_of(login) }
}

/// What signing in needs to know of a user.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub user: UserSummary,
    pub email: Option<String>,
    pub password: Option<String>,
    pub delete_after: Option<Timestamp>,
    pub standing: Standing,
}

/// What decides whether an account may be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub is_bot: bool,
    pub email_verified_at: Option<Timestamp>,
    pub approved_at: Option<Timestamp>,
    pub erased_at: Option<Timestamp>,
}

impl Standing {
    /// Refuses an account that may not be used: erased, or not verified as the site asks for. Bots are made by staff.
    pub fn check(&self, cx: &Cx) -> Result<(), Error> {
        if self.erased_at.is_some() {
            return Err(crate::Error::TokenInvalid.into());
        }
        match cx.hall().settings().accounts.verification {
            _ if self.is_bot => Ok(()),
            Verification::Email if self.email_verified_at.is_none() => Err(Error::EmailUnverified),
            Verification::Manual if self.approved_at.is_none() => Err(Error::ApprovalPending),
            Verification::None | Verification::Email | Verification::Manual => Ok(()),
        }
    }
}

/// A user to be. Roles, scores and the like are not among what somebody who signs up can ask for.
#[derive(Clone, Debug)]
pub(super) struct NewUser {
    pub id: UserId,
    pub name: Name,
    pub email: Option<Email>,
    /// The address is known to be theirs, or the site does not care: it signs them in, and nobody else can have it.
    pub holds_email: bool,
    pub password: Option<String>,
    pub guest_secret: Option<Hash>,
    /// The server made the name up.
    pub is_name_made_up: bool,
    pub is_bot: bool,
    pub owner: Option<UserId>,
    /// Staff made or approved it, so it need not wait for verification.
    pub is_approved: bool,
}

impl NewUser {
    /// Somebody with this name, and nothing else yet.
    pub fn named(cx: &Cx, name: Name) -> Self {
        Self {
            id: cx.new_id(),
            name,
            email: None,
            holds_email: false,
            password: None,
            guest_secret: None,
            is_name_made_up: false,
            is_bot: false,
            owner: None,
            is_approved: false,
        }
    }

    /// The account, once it is made.
    pub fn account(&self, now: Timestamp) -> Account {
        let approved_at = self.is_approved.then_some(now);
        Account {
            user: UserSummary {
                id: self.id,
                name: self.name.display.clone(),
                is_guest: self.guest_secret.is_some(),
                is_bot: self.is_bot,
            },
            email: self.email.as_ref().map(|email| email.display.clone()),
            password: self.password.clone(),
            delete_after: None,
            standing: Standing {
                is_bot: self.is_bot,
                email_verified_at: approved_at,
                approved_at,
                erased_at: None,
            },
        }
    }

    fn check_email(&self, tx: &mut Tx<'_, '_>) -> Result<(), Error> {
        match self.email.as_ref().filter(|_| self.holds_email) {
            Some(email) => require_free(tx, &email.key, self.id),
            None => Ok(()),
        }
    }

    /// Makes the account. The database decides who gets a name or an address that two ask for.
    pub fn insert(&self, tx: &mut Tx<'_, '_>) -> Result<Account, Error> {
        self.check_email(tx)?;
        store::insert(tx, self)?;
        if !names::claim(tx, self.id, &self.name)? {
            return Err(Error::NameTaken);
        }
        Ok(self.account(tx.now()))
    }
}

/// Makes an address somebody proved to be theirs the one they hold.
pub(crate) fn confirm_email(tx: &mut Tx<'_, '_>, user: UserId, email: &Email) -> Result<(), Error> {
    require_free(tx, &email.key, user)?;
    store::confirm_email(tx, user, email)
}

/// What makes a guest's account a full one.
#[derive(Clone, Debug)]
pub(super) struct Upgrade {
    pub user: UserId,
    pub email: Email,
    /// See [`NewUser::holds_email`].
    pub holds_email: bool,
    /// The hash of it.
    pub password: String,
}

/// Makes a guest a full account. Returns whether it still was a guest's.
pub(super) fn upgrade(tx: &mut Tx<'_, '_>, upgrade: &Upgrade) -> Result<bool, Error> {
    if upgrade.holds_email {
        require_free(tx, &upgrade.email.key, upgrade.user)?;
    }
    store::upgrade(tx, upgrade)
}

/// Refuses an address to which somebody else may still come back. That nobody holds it the database sees to.
pub(super) fn require_free(tx: &mut Tx<'_, '_>, email_key: &str, user: UserId) -> Result<(), Error> {
    if email::is_held(tx, email_key, user)? { Err(Error::EmailTaken) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_compared_without_space_and_case() {
        let email = Email::parse("  Ana.Smith@Example.ORG ").unwrap();
        assert_eq!(
            (email.display.as_str(), email.key.as_str()),
            ("Ana.Smith@Example.ORG", "ana.smith@example.org")
        );
        assert_eq!(Email::parse("ana@localhost").unwrap().key, "ana@localhost");
        for bad in [
            "",
            "ana",
            "@b.org",
            "ana@",
            "a@b@c.org",
            "a b@c.org",
            "a@b..org",
            "a@-b.org",
            "a@b.org\r\nBcc: x@y.z",
            "<a@b.org>",
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
    }
}
