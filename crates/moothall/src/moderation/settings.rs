//! Settings of moderation: categories, templates and the escalation table are data.

use moothall_protocol::limits::MODERATION_NAME_LENGTH_MAX;
use moothall_protocol::moderation::{ActionKind, ActionTemplate, ReportCategory};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::priority::Weights;
use crate::OpenError;

/// Settings of moderation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What may be reported.
    #[schemars(length(min = 1, max = 100))]
    pub categories: Vec<ReportCategory>,
    /// Reports one user may make within 24 hours.
    #[schemars(range(min = 1, max = 1_000))]
    pub reports_per_day: u32,
    /// Days after which a case is closed that nobody decided; its reporters are told.
    #[schemars(range(min = 1, max = 3_650))]
    pub case_days: u32,
    /// Days for which reports and their evidence are kept after their case was closed, and what moderation knows of an account after that was
    /// erased.
    #[schemars(range(min = 31, max = 3_650))]
    pub kept_days: u32,
    /// Minutes for which a case is claimed.
    #[schemars(range(min = 1, max = 1_440))]
    pub claim_minutes: u32,
    /// What a priority is made of.
    pub weights: Weights,
    /// What somebody with a warning may not do before they have acknowledged it, by the names of `restrictions.types`; empty for nothing.
    #[schemars(length(max = 16), inner(length(min = 1, max = 40)))]
    pub warning_holds_back: Vec<String>,
    /// Of which category the case is that is made of somebody who comes on a device of a user who may not sign in; without it there is none.
    #[schemars(length(min = 1, max = MODERATION_NAME_LENGTH_MAX))]
    pub evasion_category: Option<String>,
    /// Deeds to begin with.
    #[schemars(length(max = 100))]
    pub templates: Vec<ActionTemplate>,
    /// What is proposed for an offence, by how many there were before.
    #[schemars(length(max = 100))]
    pub escalation: Vec<Escalation>,
}

/// What is proposed for offences of one category.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// Of which category; `*` for those that are not in the table.
    #[schemars(length(min = 1, max = MODERATION_NAME_LENGTH_MAX))]
    pub category: String,
    /// Days after which an offence counts half.
    #[schemars(range(min = 1, max = 3_650))]
    pub half_life_days: u32,
    /// For the first offence, the second and so on, by the names of templates.
    #[schemars(length(min = 1, max = 20), inner(length(min = 1, max = MODERATION_NAME_LENGTH_MAX)))]
    pub steps: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            categories: categories(),
            reports_per_day: 20,
            case_days: 31,
            kept_days: 365,
            claim_minutes: 30,
            weights: Weights::default(),
            warning_holds_back: ["chat", "direct_message", "lobby_join", "lobby_host", "matchmaking"]
                .map(str::to_owned)
                .to_vec(),
            evasion_category: Some("evasion".to_owned()),
            templates: templates(),
            escalation: escalation(),
        }
    }
}

fn categories() -> Vec<ReportCategory> {
    [
        ("spam", "Says the same again and again, or advertises"),
        ("insult", "Insults or harasses somebody"),
        ("hate", "Speaks with hate of people for what they are"),
        ("threat", "Threatens somebody, or tells what is private"),
        ("cheating", "Plays with forbidden help"),
        ("griefing", "Spoils the game on purpose"),
        ("name", "Has a name that nobody should have"),
        ("evasion", "Comes back with another account while banned"),
        ("other", "Does something else that should not be"),
    ]
    .map(|(name, about)| ReportCategory { name: name.to_owned(), about: about.to_owned() })
    .to_vec()
}

fn templates() -> Vec<ActionTemplate> {
    let template =
        |name: &str, kind, category: &str, public_reason: &str, types: &[&str], hours| ActionTemplate {
            name: name.to_owned(),
            kind,
            category: category.to_owned(),
            public_reason: public_reason.to_owned(),
            types: types.iter().map(|name| (*name).to_owned()).collect(),
            hours,
        };
    let rude = "Please be kind to others: insults have no place here.";
    let cheating = "You played with forbidden help.";
    let chat = ["chat", "direct_message"];
    vec![
        template("warning", ActionKind::Warn, "other", "Please mind the rules of this place.", &[], None),
        template("chat_warning", ActionKind::Warn, "insult", rude, &[], None),
        template("chat_day", ActionKind::Restrict, "insult", rude, &chat, Some(24)),
        template("chat_week", ActionKind::Restrict, "insult", rude, &chat, Some(7 * 24)),
        template("chat_month", ActionKind::Restrict, "insult", rude, &chat, Some(30 * 24)),
        template(
            "ban_day",
            ActionKind::Restrict,
            "griefing",
            "You spoiled the game for others.",
            &["all"],
            Some(24),
        ),
        template("ban_month", ActionKind::Restrict, "cheating", cheating, &["all"], Some(30 * 24)),
        template("ban", ActionKind::Restrict, "cheating", cheating, &["all"], None),
        template("rename", ActionKind::Rename, "name", "Your name was not one to have here.", &[], None),
    ]
}

fn escalation() -> Vec<Escalation> {
    let table = |category: &str, half_life_days, steps: &[&str]| Escalation {
        category: category.to_owned(),
        half_life_days,
        steps: steps.iter().map(|name| (*name).to_owned()).collect(),
    };
    vec![
        table("spam", 60, &["chat_warning", "chat_day", "chat_week", "chat_month"]),
        table("insult", 90, &["chat_warning", "chat_day", "chat_week", "chat_month"]),
        table("hate", 180, &["chat_week", "chat_month", "ban_month"]),
        table("threat", 180, &["chat_week", "ban_month", "ban"]),
        table("cheating", 365, &["ban_month", "ban"]),
        table("griefing", 90, &["warning", "ban_day", "ban_month"]),
        table("name", 180, &["rename"]),
        table("*", 90, &["warning", "ban_day", "ban_month"]),
    ]
}

impl Settings {
    /// Whether this is one of the categories.
    pub(super) fn has_category(&self, name: &str) -> bool {
        self.categories.iter().any(|category| category.name == name)
    }

    /// The template of this name.
    pub(super) fn template(&self, name: &str) -> Option<&ActionTemplate> {
        self.templates.iter().find(|template| template.name == name)
    }

    /// The table for offences of this category.
    pub(super) fn escalation_of(&self, category: &str) -> Option<&Escalation> {
        let of = |wanted: &str| self.escalation.iter().find(|table| table.category == wanted);
        of(category).or_else(|| of("*"))
    }

    /// Refuses settings that contradict themselves, or name types of restrictions that there are not.
    pub(crate) fn check(&self, restriction_types: &[&str]) -> Result<(), OpenError> {
        match self.wrong(restriction_types) {
            Some(message) => Err(OpenError::Setting { key: "moderation", message }),
            None => Ok(()),
        }
    }

    /// What is wrong with these settings.
    fn wrong(&self, restriction_types: &[&str]) -> Option<String> {
        let of_templates = self.templates.iter().flat_map(|template| &template.types);
        let mut types = self.warning_holds_back.iter().chain(of_templates);
        if let Some(name) = types.find(|name| !restriction_types.contains(&name.as_str())) {
            return Some(format!("there is no type of restriction {name}: see `restrictions.types`"));
        }
        let steps = self.escalation.iter().flat_map(|table| &table.steps);
        let unknown = steps.into_iter().find(|step| self.template(step).is_none());
        if let Some(step) = unknown {
            return Some(format!("the escalation table names the template {step}, which is not there"));
        }
        let tables = self.escalation.iter().filter(|table| table.category != "*");
        let of_nothing = tables
            .map(|table| &table.category)
            .chain(self.templates.iter().map(|template| &template.category))
            .chain(&self.evasion_category)
            .find(|category| !self.has_category(category));
        of_nothing.map(|category| format!("there is no category {category}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restrictions::types::OURS;

    #[test]
    fn the_defaults_fit_together_and_what_does_not_is_told() {
        let types = OURS.map(|kind| kind.name);
        let mut settings = Settings::default();
        assert_eq!(settings.wrong(&types), None);
        settings.escalation[0].steps.push("banishment".into());
        assert!(settings.wrong(&types).unwrap().contains("banishment"));
        let mut settings = Settings::default();
        settings.categories.remove(0);
        assert!(settings.wrong(&types).unwrap().contains("spam"));
        let mut settings = Settings::default();
        settings.warning_holds_back.push("singing".into());
        assert!(settings.wrong(&types).unwrap().contains("singing"));
        let mut settings = Settings::default();
        settings.templates[0].types.push("dancing".into());
        assert!(settings.wrong(&types).unwrap().contains("dancing"));
    }
}
