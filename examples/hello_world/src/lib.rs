//! Hello world: a server of one's own protocol on the Moothall library alone, one line of text for each command.
//!
//! ```text
//! ping                              pong
//! register <name> <email> <password>
//! login <name> <password>
//! whois <name>
//! whoami
//! users <beginning of a name>
//! clients
//! quit
//! ```
//!
//! Start at [`serve`]; the commands stand in [`Session::answer`]. Rules (who may do what, how names look, how often passwords may
//! be tried, how much one network may ask) are the library's: a refusal is one line that begins with `error`.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use moothall::accounts::{self, Credential};
use moothall::connections::{self, Stream};
use moothall::protocol::accounts::{ListUsers, SignIn, SignUp};
use moothall::protocol::connections::CountConnected;
use moothall::{Caller, Cx, Fault, Hall, Origin, Rate, snapshot};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of a command; who sends longer lines is sent away.
const LINE_BYTES_MAX: usize = 1_024;
/// Events looked at together.
const EVENTS_TAKEN: usize = 64;
/// Silence after which a client is sent away.
const IDLE_MAX: Duration = Duration::from_secs(300);
/// How long a client may take to read an answer.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Serves clients until the listener fails.
pub async fn serve(hall: Hall, listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (stream, address) = listener.accept().await?;
        tokio::spawn(attend(hall.clone(), stream, address));
    }
}

async fn attend(hall: Hall, mut stream: TcpStream, address: SocketAddr) {
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    let origin = Origin { address: Some(address.ip()), ..Origin::default() };
    let mut session = Session { cx: Cx::new(&hall, Caller::Nobody, origin), stream: None };
    let mut line = Vec::new();
    loop {
        let (answer, is_last) = tokio::select! {
            came = tokio::time::timeout(IDLE_MAX, next_line(&mut read, &mut line)) => match came {
                Ok(Came::Line(command)) if command == "quit" => return,
                Ok(Came::Line(command)) => {
                    (session.answer(&command).await.unwrap_or_else(|refusal| format!("error {refusal}")), false)
                }
                Ok(Came::TooMuch) => (format!("error a line has at most {LINE_BYTES_MAX} bytes"), true),
                // Gone, or silent for too long.
                Ok(Came::End) | Err(_) => return,
            },
            // Signed out from elsewhere, revoked, replaced: whoever is no longer who they were has no next command.
            reason = ended(&mut session.stream) => (format!("error closed: {reason}"), true),
        };
        let answer = answer + "\n";
        let written = write.write_all(answer.as_bytes());
        if !matches!(tokio::time::timeout(WRITE_MAX, written).await, Ok(Ok(()))) || is_last {
            return;
        }
    }
}

/// What came of a client.
enum Came {
    Line(String),
    TooMuch,
    End,
}

/// The next line, without its end. What came of it stays in `line` when something else happens first.
async fn next_line(read: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> Came {
    loop {
        let Ok(bytes) = read.fill_buf().await else { return Came::End };
        if bytes.is_empty() {
            return Came::End;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let count = end.unwrap_or(bytes.len());
        line.extend(bytes.iter().take(count));
        read.consume(end.map_or(count, |end| end + 1));
        if line.len() > LINE_BYTES_MAX {
            return Came::TooMuch;
        }
        if end.is_some() {
            return match String::from_utf8(std::mem::take(line)) {
                Ok(text) => Came::Line(text.trim().to_owned()),
                Err(_) => Came::End,
            };
        }
    }
}

/// Why the stream of who is signed in ended, once it does. A protocol with events would pass on what comes out of it.
async fn ended(stream: &mut Option<Stream>) -> String {
    let Some(stream) = stream else { return pending().await };
    loop {
        match stream.take(EVENTS_TAKEN) {
            Ok(events) if events.is_empty() => stream.changed().await,
            Ok(_) => {}
            Err(closing) => return closing.reason,
        }
    }
}

/// Why a command was refused, in words for people.
type Refusal = String;

fn refusal(fault: impl Fault) -> Refusal {
    format!("{}: {fault}", fault.code())
}

/// One connected client.
struct Session {
    cx: Cx,
    /// Held while signed in: it is what makes the user show as connected, and ends when they no longer are.
    stream: Option<Stream>,
}

impl Session {
    async fn answer(&mut self, line: &str) -> Result<String, Refusal> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let rate =
            if matches!(words.first(), Some(&("register" | "login"))) { Rate::SignIn } else { Rate::Read };
        self.cx.hall().rates().take(&self.cx, rate).map_err(refusal)?;
        match words.as_slice() {
            ["ping"] => Ok("pong".to_owned()),
            ["register", name, email, password] => self.register(name, email, password).await,
            ["login", name, password] => self.login(name, password).await,
            ["whoami"] => {
                let me = accounts::me(&self.cx, Default::default()).await.map_err(refusal)?;
                Ok(format!("{} {}", me.name, me.id))
            }
            ["whois", name] => {
                self.cx.require_user().map_err(refusal)?;
                let input = ListUsers { name_prefix: Some((*name).to_owned()), ..ListUsers::default() };
                let found = accounts::list_users(&self.cx, input).await.map_err(refusal)?;
                // In the order of their names, so whoever is called just this comes first.
                let user = found.items.first().filter(|user| user.name.eq_ignore_ascii_case(name));
                let user = user.ok_or_else(|| format!("not_found: nobody is called {name}"))?;
                Ok(format!("{} {}", user.name, user.id))
            }
            ["users", beginning] => self.users(beginning).await,
            ["users"] => Err("usage: users <beginning of a name>, of two characters or more".to_owned()),
            ["clients"] => {
                self.cx.require_user().map_err(refusal)?;
                let count = connections::count(&self.cx, CountConnected {}).await.map_err(refusal)?;
                Ok(format!("{} players, {} sessions", count.players, count.sessions))
            }
            _ => {
                Err("unknown_command: ping, register, login, whois, whoami, users, clients or quit"
                    .to_owned())
            }
        }
    }

    async fn register(&self, name: &str, email: &str, password: &str) -> Result<String, Refusal> {
        let input = SignUp {
            name: name.to_owned(),
            email: email.to_owned(),
            password: password.to_owned(),
            kind: None,
            device_id: None,
        };
        let made = accounts::sign_up(&self.cx, input).await.map_err(refusal)?;
        Ok(format!("registered {} {}", made.user.name, made.user.id))
    }

    async fn login(&mut self, name: &str, password: &str) -> Result<String, Refusal> {
        if self.stream.is_some() {
            return Err("signed_in: you are signed in already".to_owned());
        }
        let input =
            SignIn { login: Some(name.to_owned()), password: Some(password.to_owned()), ..SignIn::default() };
        let signed_in = accounts::sign_in(&self.cx, input).await.map_err(refusal)?;
        let (hall, origin) = (self.cx.hall().clone(), self.cx.origin().clone());
        let credential = Credential::Bearer(signed_in.access_token);
        let identity = accounts::authenticate(&hall, &credential).await.map_err(refusal)?;
        let cx = Cx::new(&hall, Caller::Member(identity), origin);
        self.stream = Some(snapshot::open(&cx, None).await.map_err(refusal)?);
        self.cx = cx;
        Ok(format!("welcome {}", signed_in.user.name))
    }

    async fn users(&self, beginning: &str) -> Result<String, Refusal> {
        self.cx.require_user().map_err(refusal)?;
        let input = ListUsers { name_prefix: Some(beginning.to_owned()), ..ListUsers::default() };
        let page = accounts::list_users(&self.cx, input).await.map_err(refusal)?;
        let names: Vec<&str> = page.items.iter().map(|user| user.name.as_str()).collect();
        Ok(format!("{} {}", names.len(), names.join(" ")))
    }
}
