//! Clients that come, and come back by themselves, the way the client library does it: with growing, scattered delays, and when the
//! server says so, not before.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use memchr::memmem::find;

use crate::handshake::{self, Refusal};
use crate::swarm::{Heard, Swarm};

/// Those of the client library.
const DELAY_MIN: Duration = Duration::from_millis(100);
const DELAY_MAX: Duration = Duration::from_secs(10);
/// How often somebody looks whether it is time to come.
const LOOK: Duration = Duration::from_millis(5);
/// After which a client gives up an attempt that nobody answers.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// One who comes.
#[derive(Debug)]
pub struct Client {
    path: String,
    token: String,
    resume_token: Option<String>,
    seen: u64,
    delay_max: Duration,
    /// Since it was last there.
    pub attempts: u32,
    pub whereabouts: Whereabouts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// Waits until its time has come.
    Away,
    /// Knocked at this time.
    AtTheDoor(Instant),
    There,
    /// Was told not to come back: its sign-in is lost. By which status or code.
    Lost(u16),
}

impl Client {
    pub fn new(path: &str, token: &str) -> Self {
        Self {
            path: path.to_owned(),
            token: token.to_owned(),
            resume_token: None,
            seen: 0,
            delay_max: DELAY_MIN,
            attempts: 0,
            whereabouts: Whereabouts::Away,
        }
    }

    /// What it asks for a socket with. Resuming, if there is what to resume.
    pub fn request(&self) -> Vec<u8> {
        match &self.resume_token {
            Some(resume) => {
                let path = format!("{}?resume={resume}&seq={}", self.path, self.seen);
                handshake::request(&path, &self.token)
            }
            None => handshake::request(&self.path, &self.token),
        }
    }

    /// When it tries again, from now.
    fn delay(&mut self, asked: Option<Duration>) -> Duration {
        let scattered = self.delay_max.mul_f64(rand::random_range(0.5..1.0));
        self.delay_max = (self.delay_max * 2).min(DELAY_MAX);
        asked.unwrap_or(scattered)
    }

    fn hear(&mut self, text: &[u8]) {
        let Some(seq) = number_behind(text, br#"{"seq":"#) else { return };
        self.seen = seq;
        const TOKEN: &[u8] = br#""resume_token":""#;
        if let Some(at) = find(text, TOKEN) {
            let token = text.get(at + TOKEN.len()..).unwrap_or_default();
            let token = token.split(|byte| *byte == b'"').next().unwrap_or_default();
            self.resume_token = Some(String::from_utf8_lossy(token).into_owned());
        }
    }
}

fn number_behind(text: &[u8], name: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(name)?.iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// All of them. Client number 3 has socket number 3.
pub struct Crowd {
    pub clients: Vec<Client>,
    /// When who comes next.
    next: BinaryHeap<Reverse<(Instant, usize)>>,
    at_the_door: usize,
    /// The first so many; the others do not come yet.
    pub invited: usize,
    pub there: usize,
    pub lost: usize,
}

impl Crowd {
    pub fn new(clients: Vec<Client>) -> Self {
        let now = Instant::now();
        let next = (0..clients.len()).map(|number| Reverse((now, number))).collect();
        Self { invited: clients.len(), clients, next, at_the_door: 0, there: 0, lost: 0 }
    }

    /// Has everybody come, so many at once, and whoever is sent away come again. Returns when all are there or lost.
    pub fn gather(&mut self, swarm: &mut Swarm, at_once: usize, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        while self.there + self.lost < self.invited {
            let now = Instant::now();
            if now > deadline {
                let (seconds, there, count) = (patience.as_secs(), self.there, self.invited);
                bail!("after {seconds} s, {there} of {count} clients are there");
            }
            self.knock(swarm, at_once, now)?;
            swarm.poll(LOOK, |number, heard| self.hear(number, &heard))?;
        }
        Ok(())
    }

    /// Lets everybody notice that the server is gone.
    pub fn notice(&mut self, swarm: &mut Swarm) -> Result<()> {
        while self.there > 0 {
            swarm.poll(LOOK, |number, heard| self.hear(number, &heard))?;
        }
        Ok(())
    }

    /// Those whose time has come knock.
    fn knock(&mut self, swarm: &mut Swarm, at_once: usize, now: Instant) -> Result<()> {
        while self.at_the_door < at_once
            && let Some(Reverse((when, number))) = self.next.peek().copied()
            && when <= now
            && number < self.invited
        {
            self.next.pop();
            let Some(client) = self.clients.get_mut(number) else { continue };
            match client.whereabouts {
                Whereabouts::Away => {
                    client.attempts += 1;
                    client.whereabouts = Whereabouts::AtTheDoor(now);
                    self.at_the_door += 1;
                    self.next.push(Reverse((now + SILENCE_MAX, number)));
                    swarm.connect(number, client.request())?;
                }
                Whereabouts::AtTheDoor(since) if since + SILENCE_MAX <= now => {
                    swarm.drop(number);
                    self.hear(number, &Heard::Lost);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What a client heard: whether it is there now, or must come again.
    pub fn hear(&mut self, number: usize, heard: &Heard<'_>) {
        let Some(client) = self.clients.get_mut(number) else { return };
        let (whereabouts, asked) = match heard {
            Heard::Open => return,
            Heard::Text(text) => {
                client.hear(text);
                // The first message is the server's welcome.
                (Whereabouts::There, None)
            }
            Heard::Lost => (Whereabouts::Away, None),
            Heard::Refused(Refusal { status, retry_after }) => match status {
                429 | 500.. => (Whereabouts::Away, *retry_after),
                _ => (Whereabouts::Lost(*status), None),
            },
            Heard::Closed { code, retry_after } => match code {
                4_000 | 4_001 | 4_003 | 4_009 => (Whereabouts::Lost(*code), None),
                _ => (Whereabouts::Away, *retry_after),
            },
        };
        if whereabouts == client.whereabouts {
            return;
        }
        match client.whereabouts {
            Whereabouts::AtTheDoor(_) => self.at_the_door -= 1,
            Whereabouts::There => {
                self.there -= 1;
                (client.attempts, client.delay_max) = (0, DELAY_MIN);
            }
            Whereabouts::Lost(_) => return,
            Whereabouts::Away => {}
        }
        client.whereabouts = whereabouts;
        match whereabouts {
            Whereabouts::There => self.there += 1,
            Whereabouts::Lost(_) => self.lost += 1,
            Whereabouts::AtTheDoor(_) => {}
            Whereabouts::Away => {
                let delay = client.delay(asked);
                self.next.push(Reverse((Instant::now() + delay, number)));
            }
        }
    }
}

/// Sockets for these, some at once, all of them open and greeted.
pub fn connected(server: SocketAddr, clients: Vec<Client>, at_once: usize) -> Result<(Swarm, Crowd)> {
    let mut swarm = Swarm::new(server, clients.len())?;
    let mut crowd = Crowd::new(clients);
    crowd.gather(&mut swarm, at_once, Duration::from_secs(300))?;
    anyhow::ensure!(crowd.lost == 0, "{} of {} sockets were refused", crowd.lost, swarm.len());
    Ok((swarm, crowd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_comes_back_later_and_later_and_resumes() {
        let mut crowd = Crowd::new(vec![Client::new("/v1/socket", "token")]);
        let welcome = br#"{"seq":41,"event":"session.ready","data":{"resume_token":"abc.def","unread":{}}}"#;
        crowd.hear(0, &Heard::Text(welcome));
        assert_eq!(crowd.there, 1);
        crowd.hear(0, &Heard::Text(br#"{"seq":42,"event":"communication.read","data":{}}"#));
        crowd.hear(0, &Heard::Lost);
        assert_eq!((crowd.there, crowd.clients[0].whereabouts), (0, Whereabouts::Away));
        let request = String::from_utf8(crowd.clients[0].request()).unwrap();
        assert!(request.starts_with("GET /v1/socket?resume=abc.def&seq=42 HTTP/1.1\r\n"), "{request}");
        for longest in [200, 400, 800] {
            let delay = crowd.clients[0].delay(None).as_millis();
            assert!(delay >= longest / 2 && delay <= longest, "{delay} of {longest}");
        }
        let asked = Duration::from_millis(1_234);
        assert_eq!(crowd.clients[0].delay(Some(asked)), asked);
        crowd.clients[0].whereabouts = Whereabouts::AtTheDoor(Instant::now());
        crowd.at_the_door = 1;
        crowd.hear(0, &Heard::Refused(Refusal { status: 401, retry_after: None }));
        assert_eq!((crowd.lost, crowd.at_the_door), (1, 0));
    }
}
