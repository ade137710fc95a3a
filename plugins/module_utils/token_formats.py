# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Published formats of tokens: what a credential looks like wherever it stands, whatever the word before it.

Each has a word that every such token contains (looked for first, in lower case), and a pattern. A pattern begins where
no character of its body stands before it and repeats a class of characters only: a search takes linear time.
Sources: the issuers' documentation; gitleaks' and betterleaks' rules (MIT) name nearly all of them.
"""

from __future__ import annotations

import re

_ALNUM = "A-Za-z0-9"
_URL64 = r"-\w"


def _token(body: str, *forms: str) -> str:
    """A token of any of these forms that no character of ``body`` precedes."""
    return rf"(?<![{body}])(?:{'|'.join(forms)})"


_FORMATS: tuple[tuple[str, str], ...] = (
    # GitHub: https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
    ("gh", _token(r"\w", r"gh[oprsu]_\w{20,}")),
    ("github_pat_", _token(r"\w", r"github_pat_\w{20,}")),
    # GitLab: https://docs.gitlab.com/security/tokens/#token-prefixes
    ("gl", _token(r"\w-", r"gl[a-z]{2,8}-[\w.-]{16,}", r"GR1348941[\w-]{20,}")),
    # AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    ("a", _token(r"\w", r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}", rf"ABSK[{_ALNUM}+/=]{{80,}}")),
    # Google: API keys, OAuth access tokens and client secrets
    ("aiza", _token(_URL64, r"AIza[\w-]{30,}")),
    ("ya29.", _token(_URL64, r"ya29\.[\w.-]{20,}")),
    ("gocspx-", _token(_URL64, r"GOCSPX-[\w-]{20,}")),
    # Azure: client secrets (three characters, a digit, "Q~"), storage keys
    ("q~", r"(?<![\w.~-])[\w.~-]{3,4}Q~[\w.~-]{30,}"),
    ("==", rf"(?<![{_ALNUM}+/])[{_ALNUM}+/]{{86}}=="),
    # DigitalOcean: https://docs.digitalocean.com/reference/api/ (personal, OAuth, refresh)
    ("do", _token(r"\w", r"do[opr]_v1_[a-f0-9]{40,}")),
    # Docker Hub
    ("dckr_", _token(_URL64, r"dckr_(?:pat|oat)_[\w-]{20,}")),
    # Slack: https://api.slack.com/authentication/token-types
    ("xox", _token(r"\w.-", r"xox[a-z](?:\.xox[bp])?-[\w./+%=-]{8,}")),
    ("xapp-", _token(r"\w-", r"xapp-[\w-]{16,}")),
    ("hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/+-]{10,}"),
    ("webhook", rf"/(?:api/webhooks|webhookb2|IncomingWebhook)/[{_ALNUM}@/_-]{{16,}}"),
    # Stripe, Square, SendGrid, Mailgun, Mailchimp, Twilio, Sendinblue
    ("k_", _token(r"\w", rf"(?:sk|rk|pk)_(?:live|test|prod)_[{_ALNUM}]{{10,}}")),
    ("whsec_", _token(r"\w", r"whsec_[\w+/=]{20,}")),
    ("sq0", _token(_URL64, r"sq0[a-z]{3}-[\w-]{20,}")),
    ("eaaa", _token(_URL64, r"EAAA[\w-]{40,}")),
    ("sg.", _token(r"\w.-", r"SG\.[\w-]{16,}\.[\w-]{16,}")),
    ("key-", _token(_ALNUM, r"key-[a-f0-9]{32}")),
    ("-us", _token(_ALNUM, r"[a-f0-9]{32}-us\d{1,2}")),
    ("sk", _token(_ALNUM, r"SK[a-fA-F0-9]{32}")),
    ("ac", _token(_ALNUM, r"AC[a-f0-9]{32}")),
    ("xkeysib-", _token(_URL64, r"xkeysib-[\w-]{40,}")),
    # npm, PyPI, RubyGems, crates.io, NuGet
    ("npm_", _token(r"\w", rf"npm_[{_ALNUM}]{{20,}}")),
    ("pypi-", _token(_URL64, r"pypi-[\w-]{20,}")),
    ("rubygems_", _token(r"\w", r"rubygems_[a-f0-9]{32,}")),
    ("cio", _token(_ALNUM, rf"cio[{_ALNUM}]{{32}}")),
    ("oy2", _token(_ALNUM, r"oy2[a-z0-9]{43}")),
    # AI services
    ("sk-", _token(_URL64, r"sk-[\w-]{20,}")),
    ("hf_", _token(r"\w", r"(?:hf|api_org)_[A-Za-z]{30,}")),
    # HashiCorp Vault and Terraform Cloud
    ("hv", _token(rf"{_URL64}.", r"hv[sbr]\.[\w-]{20,}")),
    ("s.", rf"(?<![\w.-])s\.(?=[A-Za-z]{{0,23}}\d)[{_ALNUM}]{{24}}(?![\w.-])"),
    (".atlasv1.", rf"(?<![{_ALNUM}])[{_ALNUM}]{{14}}\.atlasv1\.[\w=-]{{40,}}"),
    # Atlassian, Shopify, Telegram, Discord, JFrog, age, Grafana, New Relic, Postman, Databricks, Doppler, Linear
    ("at", _token(_URL64, r"AT[A-Z]{2}3[\w=-]{40,}")),
    ("shp", _token(_ALNUM, r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32,}")),
    (":a", r"(?<!\d)\d{8,10}:A[\w-]{33,}"),
    (".", r"(?<![\w.-])[MNO][\w-]{22,27}\.[\w-]{5,8}\.[\w-]{26,}"),
    ("ak", _token(_ALNUM, rf"AKCp[{_ALNUM}]{{60,}}", rf"AKC[{_ALNUM}]{{10,}}")),
    ("cmvmd", _token(_ALNUM, rf"cmVmd[{_ALNUM}]{{40,}}")),
    ("ap", _token(_ALNUM, rf"AP[0-9A-F][{_ALNUM}]{{60,}}")),
    ("age-secret-key-1", r"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    ("glsa_", _token(r"\w", r"glsa_\w{20,}")),
    ("glc_", _token(r"\w", r"glc_[\w+/=]{20,}")),
    ("nr", _token(_URL64, r"NR(?:AK|II|JS|BR)-[\w-]{19,}")),
    ("pmak-", _token(_URL64, r"PMAK-[a-f0-9-]{40,}")),
    ("dapi", _token(_ALNUM, r"dapi[a-f0-9]{32}(?:-\d)?")),
    ("dp.", _token(r"\w.", rf"dp\.(?:pt|st|ct|sa|scim|audit)\.[{_ALNUM}._-]{{30,}}")),
    ("lin_", _token(r"\w", rf"lin_(?:api|oauth)_[{_ALNUM}]{{30,}}")),
    ("pul-", _token(_URL64, r"pul-[a-f0-9]{40}")),
    ("tskey-", _token(_URL64, r"tskey-[\w-]{20,}")),
    ("sntry", _token(r"\w", r"sntry[su]_[\w+/=]{20,}")),
    ("phc_", _token(_URL64, r"phc_[\w-]{30,}")),
    ("a3-", _token(_URL64, r"A3-[A-Z0-9]{6}-[A-Z0-9-]{20,}")),
    ("ops_eyj", _token(_URL64, r"ops_eyJ[\w+/=-]{40,}")),
    ("swm", _token(_URL64, r"SWM(?:TKN|KEY)-1-[\w+/-]{30,}")),
    # JSON Web Tokens, also within base64
    ("eyj", _token(_URL64, r"eyJ[\w-]{8,}(?:\.[\w-]*){1,4}")),
    ("zxlk", _token(rf"{_URL64}+/=", r"ZXlK[\w+/=-]{20,}")),
    # password hashes: crypt, bcrypt, argon2
    ("$", rf"\$(?:2[abxy]?|[156y]|apr1|argon2i?d?|scrypt)\$[{_ALNUM}./$=,+-]{{20,}}"),
)
# A vendor's own word, then something long and random: name_<letters and digits, both, 24 at least>.
_GUESS = (
    "_",
    r"(?<![\w])[A-Za-z]{2,10}\d?_(?:[a-z]{2,6}_){0,2}(?=[A-Za-z]{0,40}\d)(?=\d{0,40}[A-Za-z])[A-Za-z0-9]{24,}",
)


def _compiled(*formats: tuple[str, str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((word, re.compile(form, re.ASCII)) for word, form in formats)


CERTAIN = _compiled(*_FORMATS)
FORMATS = (*CERTAIN, *_compiled(_GUESS))
