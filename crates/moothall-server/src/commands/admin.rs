//! `moothall admin`: who may do everything.

use std::io::Read as _;

use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;
use data_encoding::BASE32_NOPAD;
use moothall::Cx;
use moothall::accounts::{self, NewAdministrator};
use moothall::protocol::accounts::{ClaimAdministrator, GrantRole, ListGrants, RevokeRole};

use super::{as_server, check, said, user};
use crate::config::Config;

const ROLE: &str = "administrator";

/// What to do about administrators.
#[derive(Subcommand)]
pub enum Admin {
    /// Makes a user who may do everything, and prints their password.
    Create {
        /// The name others see, and to sign in with.
        name: String,
        /// The e-mail address.
        #[arg(long)]
        email: Option<String>,
        /// Read the password from standard input, instead of making one up.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Lets a user do everything.
    Grant {
        /// Name, e-mail address or id.
        user: String,
        /// Why, for the audit log.
        #[arg(long, default_value = "granted by the operator")]
        reason: String,
    },
    /// Takes that from a user again. Somebody always remains.
    Revoke {
        /// Name, e-mail address or id.
        user: String,
        /// Why, for the audit log.
        #[arg(long, default_value = "revoked by the operator")]
        reason: String,
    },
    /// Lists those who may do everything.
    List,
}

/// Does it.
pub async fn run(config: &Config, command: Admin) -> Result<()> {
    as_server(config, async |cx| match command {
        Admin::Create { name, email, password_stdin } => {
            let chosen = password_stdin.then(read_password).transpose()?;
            create(cx, name, email, chosen).await
        }
        Admin::Grant { user, reason } => grant(cx, &user, reason).await,
        Admin::Revoke { user, reason } => revoke(cx, &user, reason).await,
        Admin::List => list(cx).await,
    })
    .await
}

async fn create(cx: &Cx, name: String, email: Option<String>, chosen: Option<String>) -> Result<()> {
    let is_made_up = chosen.is_none();
    let password = chosen.unwrap_or_else(|| BASE32_NOPAD.encode(&cx.random().bytes::<15>()).to_lowercase());
    // The link of the first start takes the same, and is followed by whoever has its token.
    let token = "of the operator".to_owned();
    let claim = ClaimAdministrator { token, name, email, password };
    check(cx, "accounts.claim_administrator", &claim)?;
    let ClaimAdministrator { name, email, password, .. } = claim;
    let new = NewAdministrator { name, email, password: password.clone() };
    let user = accounts::create_administrator(cx, new).await.map_err(said)?;
    println!("{} may do everything now ({}).", user.name, user.id);
    if is_made_up {
        println!("Password, shown once: {password}");
    }
    Ok(())
}

fn read_password() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("could not read the password")?;
    let password = text.trim_end_matches(['\r', '\n']).to_owned();
    ensure!(!password.is_empty(), "there is no password on standard input");
    Ok(password)
}

async fn grant(cx: &Cx, text: &str, reason: String) -> Result<()> {
    let user = user(cx, text).await?;
    let input = GrantRole { user_id: user.id, role: ROLE.to_owned(), ends_at: None, reason };
    check(cx, "accounts.grant_role", &input)?;
    accounts::grant_role(cx, input).await.map_err(said)?;
    println!("{} may do everything now ({}).", user.name, user.id);
    Ok(())
}

async fn revoke(cx: &Cx, text: &str, reason: String) -> Result<()> {
    let user = user(cx, text).await?;
    let input = RevokeRole { user_id: user.id, role: ROLE.to_owned(), reason };
    check(cx, "accounts.revoke_role", &input)?;
    accounts::revoke_role(cx, input).await.map_err(said)?;
    println!("{} is no administrator any more ({}).", user.name, user.id);
    Ok(())
}

async fn list(cx: &Cx) -> Result<()> {
    let mut cursor = None;
    let mut is_empty = true;
    loop {
        let input = ListGrants { user_id: None, role: Some(ROLE.to_owned()), cursor, limit: None };
        let page = accounts::list_grants(cx, input).await.map_err(said)?;
        for grant in page.items {
            is_empty = false;
            let name = accounts::find_user(cx, &grant.user_id.to_string())
                .await
                .map_err(said)?
                .map(|user| user.name);
            let until = grant.ends_at.map_or_else(String::new, |end| format!(", until {end}"));
            let name = name.unwrap_or_default();
            println!("{name:<20} {}  since {}{until}: {}", grant.user_id, grant.created_at, grant.reason);
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    if is_empty {
        println!("Nobody may do everything yet: `moothall admin create NAME` makes somebody who may.");
    }
    Ok(())
}
