//! `moothall audit`: whether the audit log is whole.

use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use clap::Subcommand;
use moothall::audit::{self, Verified};
use moothall::protocol::audit::AuditHead;

use super::as_server;
use crate::config::Config;

/// What to do with the audit log.
#[derive(Subcommand)]
pub enum Audit {
    /// Looks at every line of the audit log, and says where one was changed or removed.
    Verify {
        /// A number and a hash that were printed or read earlier: the log must still have that line.
        #[arg(long, value_name = "NUMBER:HASH", value_parser = head)]
        head: Option<AuditHead>,
    },
}

fn head(text: &str) -> Result<AuditHead> {
    let (number, hash) = text.split_once(':').ok_or_else(|| anyhow!("write it as NUMBER:HASH"))?;
    let number = number.parse().context("the number is none")?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash {
        Ok(AuditHead { number, hash: hash.to_owned() })
    } else {
        Err(anyhow!("a hash has 64 hexadecimal digits"))
    }
}

pub async fn run(config: &Config, command: Audit) -> Result<ExitCode> {
    let Audit::Verify { head } = command;
    let verified =
        as_server(config, async |cx| audit::verify(cx, head).await.context("the log cannot be read")).await?;
    Ok(tell(&verified))
}

fn tell(verified: &Verified) -> ExitCode {
    let Verified { lines, head, unchained, breaks } = verified;
    for place in breaks {
        println!("broken: {place}");
    }
    if *unchained > 0 {
        println!("{unchained} lines are not chained yet: the server does that while it runs");
    }
    if !breaks.is_empty() {
        println!("{lines} lines were looked at: the log is not what was written");
        return ExitCode::FAILURE;
    }
    match lines {
        0 => println!("the log has no chained line"),
        _ => println!("{lines} lines are whole; the newest is {}:{}", head.number, head.hash),
    }
    ExitCode::SUCCESS
}
