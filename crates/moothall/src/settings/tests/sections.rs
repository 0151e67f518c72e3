//! Sections of an embedding program.

use std::any::type_name;

use moothall_protocol::UserId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::{Builder, OpenError, Permission, Settings};

/// Settings of a game.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Siege {
    /// How many walls there are.
    #[schemars(range(min = 1, max = 9))]
    walls: u32,
    /// Whether there is a moat.
    #[schemars(title = "Moat", extend("x-public" = true))]
    has_moat: bool,
    /// What it is called.
    #[schemars(extend("x-permission" = "communication.moderate"))]
    name: String,
}

impl Default for Siege {
    fn default() -> Self {
        Self { walls: 3, has_moat: true, name: String::new() }
    }
}

impl SiteSection for Siege {
    const NAME: &'static str = "siege";
}

/// What players of it set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Banner {
    /// Its colour.
    colour: Colour,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Colour {
    #[default]
    Red,
    Blue,
}

impl UserSection for Banner {
    const NAME: &'static str = "banner";

    fn defaults(site: &Settings) -> Self {
        Self { colour: if site.accounts.guests { Colour::Red } else { Colour::Blue } }
    }
}

async fn open(build: impl FnOnce(Builder) -> Builder) -> (tempfile::TempDir, Result<Hall, OpenError>) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.store.url = format!("sqlite:{}", folder.path().join("test.db").display());
    let hall = build(Hall::builder(settings)).open().await;
    (folder, hall)
}

#[tokio::test]
async fn an_embedding_program_has_settings_of_its_own() {
    let base = Siege { walls: 5, ..Siege::default() };
    let (_folder, hall) = open(|builder| builder.site_section(&base).user_section::<Banner>()).await;
    let hall = hall.unwrap();
    let cx = Cx::server(&hall);
    assert_eq!(*hall.site_section::<Siege>().unwrap(), base);
    let walls = set_to(&cx, "siege.walls", json!(7)).await.unwrap();
    assert_eq!((walls.base, walls.definition.default), (json!(5), json!(3)));
    assert_eq!(hall.site_section::<Siege>().unwrap().walls, 7);
    assert_eq!(fields(set_to(&cx, "siege.walls", json!(10)).await)[0].path, "/value");
    assert_eq!(shown(&cx, "siege.has_moat").await.definition.label, "Moat");
    assert!(public(&cx, PublicSettings::default()).await.unwrap().values.contains_key("siege.has_moat"));
    let nobody: UserId = cx.new_id();
    let colour = async || read::<Banner>(&cx, nobody).await.unwrap().colour;
    assert_eq!(colour().await, Colour::Red);
    set_to(&cx, "accounts.guests", json!(false)).await.unwrap();
    assert_eq!(colour().await, Colour::Blue, "the default follows the site");
    hall.close().await;
}

#[tokio::test]
async fn a_setting_may_take_a_permission_of_its_own() {
    let (_folder, hall) = open(|builder| builder.site_section(&Siege::default())).await;
    let hall = hall.unwrap();
    let call = |permissions: &[Permission]| {
        let identity = crate::Identity {
            user_id: Cx::server(&hall).new_id(),
            owner_id: None,
            session_id: Cx::server(&hall).new_id(),
            kind: moothall_protocol::accounts::SessionKind::Web,
            api_key_id: None,
            permissions: crate::Permissions::new(
                permissions.iter().map(|permission| permission.0.to_owned()),
            ),
            restricted: None,
        };
        Cx::server(&hall).by(crate::Caller::Member(identity.into()))
    };
    let refused = set_to(&call(&[EDIT]), "siege.name", json!("Keep")).await;
    assert!(matches!(refused, Err(Error::Forbidden)));
    set_to(&call(&[EDIT, Permission("communication.moderate")]), "siege.name", json!("Keep")).await.unwrap();
    set_to(&call(&[EDIT]), "siege.walls", json!(1)).await.unwrap();
    hall.close().await;
}

/// Declares a section that is wrong in one way.
macro_rules! wrong {
    ($name:ident, $called:literal, { $($field:tt)* }, $default:expr) => {
        #[derive(Serialize, Deserialize, JsonSchema)]
        #[serde(default)]
        struct $name { $($field)* }

        impl Default for $name {
            fn default() -> Self {
                $default
            }
        }

        impl SiteSection for $name {
            const NAME: &'static str = $called;
        }

        impl UserSection for $name {
            const NAME: &'static str = $called;
        }
    };
}

wrong!(Taken, "lobbies", { x: bool }, Self { x: true });
wrong!(Twice, "locale", { x: bool }, Self { x: true });
wrong!(Spelled, "My Game", { x: bool }, Self { x: true });
wrong!(Default9, "game", { #[schemars(range(max = 8))] x: u32 }, Self { x: 9 });
wrong!(Locked, "game", { #[schemars(extend("x-permission" = "no.such"))] x: bool }, Self { x: true });
wrong!(Deep, "game", { inner: Siege }, Self { inner: Siege::default() });

#[tokio::test]
async fn what_cannot_be_a_section_is_said_when_the_hall_opens() {
    async fn refused(what: &str, build: impl FnOnce(Builder) -> Builder) {
        let (_folder, opened) = open(build).await;
        match opened {
            Err(OpenError::Section { section, message }) => {
                assert!(message.contains(what), "{section}: {message}");
            }
            other => panic!("{what}: {:?}", other.err()),
        }
    }
    refused("two sections", |builder| builder.site_section(&Taken::default())).await;
    refused("two sections", |builder| builder.user_section::<Twice>()).await;
    refused("small letters", |builder| builder.site_section(&Spelled::default())).await;
    refused("its default", |builder| builder.site_section(&Default9::default())).await;
    refused("its default", |builder| builder.user_section::<Default9>()).await;
    refused("no.such", |builder| builder.user_section::<Locked>()).await;
    refused("within a section", |builder| builder.user_section::<Deep>()).await;
    refused("two sections", |builder| {
        builder.site_section(&Siege::default()).site_section(&Siege::default())
    })
    .await;
    let (_folder, opened) = open(|builder| builder.site_section(&Deep::default())).await;
    opened.unwrap().close().await;
    let (_folder, opened) = open(|builder| builder).await;
    let hall = opened.unwrap();
    let nobody: UserId = Cx::server(&hall).new_id();
    let unregistered = read::<Banner>(&Cx::server(&hall), nobody).await;
    assert!(unregistered.is_err(), "{}", type_name::<Banner>());
    hall.close().await;
}
