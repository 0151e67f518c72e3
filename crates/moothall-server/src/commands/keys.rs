//! `moothall keys`: API keys of game hosts, bots and tools.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Subcommand};
use moothall::protocol::ApiKeyId;
use moothall::protocol::accounts::{CreateBot, CreateKey, KeyKind, ListKeys, RevokeKey, RotateSigningKeys};
use moothall::{Cx, Fault as _, Kind, accounts};

use super::{as_server, check, said, user};
use crate::config::Config;

/// What to do about API keys.
#[derive(Subcommand)]
pub enum Keys {
    /// Makes a key, and prints its secret, which is shown once.
    Create(New),
    /// Lists the keys of a user.
    List {
        /// Name, e-mail address or id.
        user: String,
    },
    /// Ends a key.
    Revoke {
        /// Its id.
        id: ApiKeyId,
    },
    /// Signs access tokens with a new key, and makes all there are void: for the day on which the database got out.
    RotateSigning {
        /// Why, for the audit log.
        #[arg(long, default_value = "by the operator")]
        reason: String,
    },
}

/// A key to make.
#[derive(Args)]
pub struct New {
    /// What it is called.
    name: String,
    #[command(flatten)]
    owner: Owner,
    /// The role of the new bot.
    #[arg(long, default_value = "host", conflicts_with = "user")]
    role: String,
    /// What the key may do at most; give it several times for several permissions. `*` is all its user may.
    #[arg(long = "scope", value_name = "PERMISSION", default_values = ["host"])]
    scopes: Vec<String>,
    /// What it is for; decides how its sessions are counted.
    #[arg(long, default_value = "host", value_parser = ["host", "bot"])]
    kind: String,
    /// Let it end after so many days.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: Option<u32>,
}

/// Whom the key acts as: one of the two.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Owner {
    /// The user it acts as: name, e-mail address or id.
    #[arg(long)]
    user: Option<String>,
    /// Make a bot of this name, and let the key act as it.
    #[arg(long, value_name = "NAME")]
    bot: Option<String>,
}

/// Why, in the audit log.
const REASON: &str = "by the operator";

/// Does it.
pub async fn run(config: &Config, command: Keys) -> Result<()> {
    as_server(config, async |cx| match command {
        Keys::Create(new) => create(cx, new).await,
        Keys::List { user } => list(cx, &user).await,
        Keys::Revoke { id } => revoke(cx, id).await,
        Keys::RotateSigning { reason } => rotate_signing(cx, reason).await,
    })
    .await
}

async fn create(cx: &Cx, new: New) -> Result<()> {
    let mut input = CreateKey {
        user_id: None,
        name: new.name,
        kind: Some(if new.kind == "bot" { KeyKind::Bot } else { KeyKind::Host }),
        scopes: new.scopes,
        reason: Some(REASON.to_owned()),
        expires_at: new.days.map(|days| cx.now() + Duration::from_secs(u64::from(days) * 86_400)),
    };
    check(cx, "accounts.create_key", &input)?;
    let (user, key) = match (&new.owner.user, new.owner.bot) {
        (_, Some(name)) => {
            let bot = CreateBot { name, reason: REASON.to_owned() };
            check(cx, "accounts.create_bot", &bot)?;
            accounts::create_bot_with_key(cx, bot, new.role, input).await.map_err(said)?
        }
        (text, None) => {
            let user = user(cx, text.as_deref().context("say --user or --bot")?).await?;
            input.user_id = Some(user.id);
            (user, accounts::create_key(cx, input).await.map_err(said)?)
        }
    };
    println!("The key {} acts as {} ({}).", key.id, user.name, user.id);
    println!("X-Api-Key, shown once: {}", key.secret);
    Ok(())
}

async fn revoke(cx: &Cx, id: ApiKeyId) -> Result<()> {
    let revoked = accounts::revoke_key(cx, RevokeKey { key_id: id, reason: Some(REASON.to_owned()) }).await;
    revoked.map_err(|error| match error.kind() {
        Kind::NotFound => anyhow!("there is no key {id}: `moothall keys list USER` says which there are"),
        _ => said(error),
    })?;
    println!("The key {id} is void.");
    Ok(())
}

async fn list(cx: &Cx, text: &str) -> Result<()> {
    let user = user(cx, text).await?;
    let keys = accounts::list_keys(cx, ListKeys { user_id: Some(user.id) }).await.map_err(said)?;
    if keys.items.is_empty() {
        println!("{} has no keys.", user.name);
    }
    for key in keys.items {
        let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {at}"));
        let until = key.expires_at.map_or_else(String::new, |end| format!(", until {end}"));
        println!("{}  {:<20} {}  {used}{until}", key.id, key.name, key.scopes.join(","));
    }
    Ok(())
}

async fn rotate_signing(cx: &Cx, reason: String) -> Result<()> {
    let input = RotateSigningKeys { reason };
    check(cx, "accounts.rotate_signing_keys", &input)?;
    accounts::rotate_signing_keys(cx, input).await.map_err(said)?;
    println!(
        "Access tokens are signed with a new key. Those there were are void; clients get others by themselves."
    );
    Ok(())
}
