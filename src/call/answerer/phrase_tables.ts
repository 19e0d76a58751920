/**
 * What people, machines and menus say when they pick up a phone, as regular expressions on folded
 * words (`fold`: small letters, no accents, no apostrophes, one space between words). `#` stands for a
 * digit, written or spoken. A pattern has to match whole words, except in scripts without spaces.
 */
export interface Phrases {
  /** What only a person says, though a word of it is a machine's too ("do you want to leave a message?"). */
  personal: readonly string[];
  /** Asks who calls, and why, before it puts anybody through. */
  screening: readonly string[];
  /** Takes messages, or says that the number cannot be reached. */
  machine: readonly string[];
  /** A menu, or a queue. */
  ivr: readonly string[];
  /** Asks to wait: says nothing of who comes next. */
  hold: readonly string[];
}

const ENGLISH: Phrases = {
  personal: [
    '(?:would|do|did) you (?:like|want)(?: me)? to (?:leave|take|pass)',
    '(?:can|may|could|shall) i (?:take|leave|pass on) a message',
    '(?:who is|whos) (?:this|calling|there|speaking)',
    '(?:may|can|could) i ask (?:who|why|what)',
    'how (?:can|may|could) i (?:help|assist)(?: you)?',
    'what can i do for you',
  ],
  screening: [
    '(?:state|say|record|give|tell (?:me|us)) (?:me |us )?your (?:full )?name',
    '(?:say|tell (?:me|us)|state) who you are',
    '(?:why|the reason) (?:you are|youre|you) call(?:ing|ed)?',
    '(?:your )?name and (?:the )?reason for (?:your call|calling|the call)',
    '(?:call )?screening (?:service|assistant|this call|your call)',
    '(?:call|google|virtual) assist(?:ant)?',
    'before i (?:try to )?connect (?:you|this call|your call)',
    'see if (?:this|the) person is available',
  ],
  machine: [
    'leave (?:me |us |him |her |them )?(?:a |an |your |the )?(?:short |brief |detailed |quick |voice )*(?:message|name|number|contact|details|voicemail)',
    '(?:after|at|following|wait for|hear) the (?:tone|beep|signal|sound of the tone)',
    '(?:record|recording) your (?:message|name and)',
    'you(?: have| ?ve|ve) reached',
    'voice ?mail(?:box)?',
    '(?:mailbox|mail box)',
    'answering (?:machine|service)',
    '(?:i am|im|we are|were) (?:sorry )?(?:currently |presently |sorry )?(?:not available|unavailable|not (?:here|home) (?:right now|at the moment)|out of the office)',
    '(?:i|we|im|were) (?:\\p{L}+ )?(?:cant|cannot|can not|unable to|not able to) (?:come to the phone|get to the phone|take your call|answer (?:the phone|your call)|be reached)',
    'no ?one is (?:available|here) to',
    '(?:call|phone) (?:has been|is being) forwarded',
    'forwarded to an? (?:automatic|automated|automatic voice)',
    '(?:person|party|number|customer|subscriber|caller|user) (?:that )?(?:you )?(?:have |are |ve |re |just )*(?:dial(?:l?ed|ing)|call(?:ed|ing)|trying to reach|tried to reach)',
    '(?:is|was) (?:not|no longer) (?:in service|reachable|set up|accepting)',
    '(?:switched|turned) off',
    'has not been set up',
    '(?:return|returned) your (?:call|message)',
    'please try (?:again later|your call)',
    'when you (?:have |are |ve )?(?:finished|done)(?: recording)?',
    '(?:we are|were) (?:now|currently) closed',
    'our offices? (?:is|are) (?:now |currently )?closed',
  ],
  ivr: [
    '(?:press|dial|push|hit|enter) (?:the )?(?:#|star|pound|hash)',
    '(?:press|say) (?:or say |or press )?#',
    '(?:for|to) [\\p{L}\\p{N} ]{1,60}? (?:press|dial|say)',
    'listen (?:carefully )?(?:to|as) (?:the|our|all)',
    'menu options?',
    '(?:main|following) (?:menu|options)',
    'if you know your partys extension',
    '(?:enter|dial) (?:your|the) (?:\\p{L}+ )?(?:extension|account|pin|number)',
    '(?:this|your|the) call (?:may|will|is|might)(?: be| being)? (?:recorded|monitored)',
    'your call is (?:very )?important',
    '(?:all )?(?:of )?our (?:agents|representatives|operators|lines|associates|advisors)',
    'next available (?:agent|representative|operator|advisor)',
    '(?:you can|please) say (?:things|something) like',
    'please say (?:yes|the reason|your)',
    'para espanol',
  ],
  hold: [
    '(?:stay|hold|remain) on the line',
    'please hold',
    'hold (?:on|please|the line)',
    '(?:just )?(?:one|a) (?:moment|second|minute|sec)',
    '(?:please wait|wait a)',
    '(?:connecting|transferring|putting) you',
    'let me (?:see|check) if',
    'thank you (?:please )?(?:stay|hold)',
  ],
};

const GERMAN: Phrases = {
  personal: [
    '(?:mochten|wollen|soll|kann|darf) (?:sie|ich) (?:\\p{L}+ ){0,4}(?:nachricht|ausrichten|ausgerichtet|bestellen)',
    'wer (?:ist|spricht|ruft)(?: da| dort| denn| an)?',
    '(?:was|wie) kann ich (?:fur sie tun|ihnen helfen|helfen)',
    'mit wem spreche ich',
  ],
  screening: [
    '(?:nennen|sagen|sprechen|nenne|sag) (?:sie )?(?:mir |uns )?(?:bitte )?(?:ihren|deinen) (?:vollstandigen )?namen',
    '(?:ihren|deinen) namen und (?:den )?grund',
    'grund (?:ihres|deines|des) anruf(?:s|es)',
    'warum (?:sie|du) anruf(?:en|st)',
  ],
  machine: [
    '(?:hinterlassen|hinterlass|hinterlasst|sprechen|sprich|sprecht) (?:sie )?(?:\\p{L}+ ){0,6}(?:nachricht|namen|telefonnummer|rufnummer|mitteilung)',
    'nachricht (?:\\p{L}+ ){0,5}(?:hinterlassen|sprechen|hinterlasst)',
    'nach dem (?:signal(?:ton)?|ton|piep(?:ton|ser)?|tonsignal)',
    '(?:mailbox|sprachbox|anrufbeantworter|voicemail)',
    '(?:ich bin|wir sind|bin|sind) (?:\\p{L}+ ){0,4}nicht (?:erreichbar|zu erreichen|personlich)',
    '(?:nicht|vorubergehend nicht) (?:erreichbar|zu erreichen|vergeben|verfugbar)',
    'kann (?:\\p{L}+ ){0,4}nicht (?:entgegennehmen|annehmen|ans telefon)',
    '(?:der|die) (?:gewunschte |angerufene |gewahlte )(?:\\p{L}+ ?)?(?:gesprachspartner|teilnehmer|rufnummer|nummer)?',
    'kein anschluss unter dieser nummer',
    '(?:unsere|die) (?:burozeiten|offnungszeiten|geschaftszeiten)',
  ],
  ivr: [
    '(?:drucken|wahlen|drucke|betatigen) sie (?:bitte )?(?:die |jetzt )?(?:taste )?(?:die )?(?:#|stern|raute)',
    '(?:die|taste) #',
    'alle (?:unsere )?(?:\\p{L}+ )?(?:mitarbeiter|leitungen|platze|berater)',
    '(?:dieses|das|ihr) (?:gesprach|anruf|telefonat) (?:\\p{L}+ ){0,5}aufgezeichnet',
    'nachste[rn]? freie[rn]? (?:mitarbeiter|berater|platz)',
  ],
  hold: [
    'bleiben sie (?:bitte )?(?:dran|am apparat|in der leitung)',
    '(?:einen|ein|kleinen) (?:\\p{L}+ )?(?:moment|augenblick)',
    'moment bitte',
    'bitte warten',
    'ich verbinde',
    'werden (?:\\p{L}+ )?verbunden',
  ],
};

const FRENCH: Phrases = {
  personal: [
    '(?:voulez vous|souhaitez vous|puis je|je peux) (?:\\p{L}+ ){0,2}(?:laisser|prendre|transmettre)',
    '(?:cest )?(?:qui|de la part de qui)(?: est ce| est a lappareil| a lappareil)?$',
    '(?:en quoi|comment|que) puis je',
    'je peux vous aider',
  ],
  screening: [
    '(?:dites|indiquez|donnez|enoncez|precisez|enregistrez)(?: moi| nous)? votre nom',
    '(?:motif|raison|objet) de (?:votre |l ?)appel',
    'pourquoi vous appelez',
  ],
  machine: [
    'laiss(?:ez|er|e)(?: moi| nous| lui)? (?:\\p{L}+ ){0,3}(?:message|nom|coordonnees|numero)',
    'apres le (?:bip|signal|top)(?: sonore)?',
    '(?:messagerie|repondeur|boite vocale)',
    '(?:ne |n)?(?:suis|sommes|sont|est) pas (?:\\p{L}+ ){0,3}(?:disponibles?|joignables?)',
    '(?:peux|peut|pouvons) pas (?:\\p{L}+ )?(?:repondre|prendre) (?:a )?votre appel',
    '(?:suis|sommes|est) (?:\\p{L}+ )?indisponibles?',
    'vous etes bien (?:sur|chez|au)',
    '(?:votre correspondant|le numero que vous|le numero compose|le numero demande|labonne)',
    'nest (?:pas|plus) attribue',
  ],
  ivr: [
    '(?:tapez|appuyez sur|composez|faites|pressez) (?:le |la |sur )?(?:touche )?(?:#|etoile|diese)',
    'tous nos (?:conseillers|operateurs|agents|collaborateurs)',
    'votre (?:appel|conversation) (?:peut|pourra|est susceptible|va|sera)',
    'un conseiller va (?:vous )?(?:prendre|repondre)',
  ],
  hold: [
    'ne (?:quittez|raccrochez) pas',
    '(?:veuillez )?patient(?:ez|er)',
    '(?:un|une) (?:instant|moment|seconde)',
    'je vous (?:passe|le passe|mets en)',
    'restez en ligne',
  ],
};

const SPANISH: Phrases = {
  personal: [
    '(?:quiere|desea|gusta|gustaria|quieres) (?:usted )?dejar',
    '(?:le|te) (?:tomo|puedo tomar|paso) (?:\\p{L}+ )?(?:recado|mensaje)',
    '(?:quien|con quien|de parte de quien)(?: habla| llama| es| hablo)?$',
    'en que (?:puedo|le puedo|te puedo|podemos)',
  ],
  screening: [
    '(?:diga|indique|digame|grabe|mencione|di) su nombre',
    'motivo de (?:su|la|tu) llamada',
    'por que (?:esta |nos )?llama(?:ndo)?$',
  ],
  machine: [
    'dej(?:e|a|ar|enos|ame|eme)(?: su| un| tu| el| nos| aqui)* (?:\\p{L}+ )?(?:mensaje|nombre|recado|numero)',
    '(?:despues|luego) del? (?:la )?(?:tono|senal|pitido|bip)',
    '(?:buzon|contestador|contestadora|correo de voz)',
    'no (?:estoy|esta|estamos) (?:\\p{L}+ ){0,3}disponibles?',
    'no (?:puedo|podemos) (?:\\p{L}+ ){0,2}(?:atender|contestar|responder|tomar) (?:a )?(?:su|tu) llamada',
    '(?:numero|telefono|cliente|abonado|movil|persona) (?:al )?(?:que )?(?:usted )?(?:ha |has |esta )?(?:marcado|marco|llamado|llamando|llama|solicitado)',
    '(?:apagado|fuera de (?:cobertura|servicio|linea)|fuera del area)',
    '(?:se ha comunicado|te has comunicado|ha llamado|te comunicaste) (?:con|a)',
    'le (?:devolvere|devolveremos|regresare) la llamada',
  ],
  ivr: [
    '(?:marque|oprima|presione|pulse|digite|marca|oprime) (?:el |la )?(?:tecla |numero |opcion )?(?:#|asterisco|gato|numeral)',
    'todos nuestros (?:agentes|asesores|operadores|ejecutivos)',
    '(?:su|esta|la) llamada (?:puede|podra|sera|esta siendo|podria)',
  ],
  hold: [
    'no cuelgue',
    '(?:permanezca|mantengase|quede) en (?:la )?linea',
    'esper(?:e|a)(?: un| por|$)',
    'un (?:momento|momentito|segundo|instante)',
    '(?:le|lo|la) (?:comunico|paso|transfiero)',
  ],
};

const ITALIAN: Phrases = {
  personal: [
    '(?:vuole|vuoi|desidera) (?:\\p{L}+ )?lasciare',
    'posso (?:prendere|lasciare|riferire)',
    'chi (?:parla|e|sei|chiama|devo dire)$',
    '(?:come|in cosa) posso (?:esserle|aiutar)',
  ],
  screening: [
    '(?:dica|dire|indichi|registri|dicci|dimmi) (?:pure )?il (?:suo|tuo) nome',
    'motivo della (?:sua |tua )?(?:chiamata|telefonata)',
  ],
  machine: [
    'lasci(?:a|ate|are|atemi|ami)? (?:\\p{L}+ ){0,2}(?:messaggio|nome|numero)',
    'dopo il (?:segnale|bip|tono)(?: acustico)?',
    '(?:segreteria|casella vocale)',
    'non (?:sono|e|siamo) (?:\\p{L}+ ){0,3}(?:raggiungibil[ei]|disponibil[ei])',
    'non (?:posso|possiamo) (?:\\p{L}+ ){0,2}rispondere (?:al telefono|alla)',
    '(?:lutente|il cliente|il numero|la persona) (?:da lei )?(?:\\p{L}+ )?(?:chiamat[oa]|selezionat[oa]|desiderat[oa]|cercat[oa])',
  ],
  ivr: [
    '(?:prema|premi|digiti|digita|premere|digitare) (?:il )?(?:tasto )?(?:#|asterisco|cancelletto)',
    'tutti (?:i )?(?:nostri )?(?:operatori|addetti)',
    '(?:la|questa|sua) (?:chiamata|telefonata) (?:potrebbe|puo|sara|verra)',
  ],
  hold: [
    '(?:resti|rimanga|attenda) (?:in )?(?:linea|attesa)',
    '(?:un|solo un) (?:attimo|momento|secondo)',
    '(?:glielo|gliela|le|ti) passo',
    'attend(?:a|ere)',
  ],
};

const PORTUGUESE: Phrases = {
  personal: [
    '(?:quer|deseja|gostaria de) deixar',
    '(?:posso|quer que eu) (?:anot(?:ar|e)|deixar|passar)',
    '(?:quem|com quem|quem e que)(?: fala| esta falando| gostaria| e| eu falo)?$',
    'em que (?:posso|podemos)|posso ajudar',
  ],
  screening: [
    '(?:diga|informe|fale|grave|indique) (?:o )?(?:seu|teu) nome',
    'motivo d[ao] (?:sua )?(?:ligacao|chamada|contato)',
  ],
  machine: [
    'deix(?:e|a|ar)(?: a| o| sua| seu| uma| um| aqui| nos)* (?:\\p{L}+ )?(?:mensagem|recado|nome|numero)',
    '(?:apos|depois d)o? ?o? (?:sinal|bip|tom|toque)',
    '(?:caixa postal|caixa de mensagens|correio de voz|secretaria eletronica|atendedor)',
    'nao (?:estou|esta|estamos) (?:\\p{L}+ ){0,3}disponive(?:l|is)',
    'nao (?:posso|podemos) (?:\\p{L}+ ){0,2}atender (?:a )?(?:sua|tua) (?:ligacao|chamada)',
    '(?:numero|telefone|cliente|assinante|pessoa) (?:que |para o qual |com quem )?(?:voce |o senhor )?(?:chamado|chamou|ligou|discado|discou|marcou|marcado)',
    '(?:desligado ou fora|fora da area|nao esta disponivel)',
    'retorn(?:o|arei|aremos) (?:a )?(?:sua )?(?:ligacao|chamada)',
  ],
  ivr: [
    '(?:digite|disque|pressione|tecle|aperte|marque|prima) (?:a |o )?(?:tecla |numero |opcao )?(?:#|asterisco|jogo da velha|cardinal)',
    'todos os nossos (?:atendentes|operadores|assistentes)',
    '(?:sua|esta) (?:ligacao|chamada) (?:pode|podera|sera|esta sendo|e muito)',
  ],
  hold: [
    '(?:aguarde|nao desligue|permaneca na linha)',
    '(?:so )?um (?:momento|instante|minuto|segundo|minutinho)',
    'vou (?:passar|transferir|chamar)',
  ],
};

const DUTCH: Phrases = {
  personal: [
    '(?:wilt u|wil je|kan ik|zal ik) (?:\\p{L}+ ){0,4}(?:achterlaten|aannemen|doorgeven|bericht|boodschap)',
    '(?:waarmee|hoe) kan ik (?:u |je )?(?:helpen|van dienst)',
    '(?:met wie|wie) (?:is|spreek|bent|ben)(?: ik| dit| daar| u| je)*$',
  ],
  screening: [
    '(?:zeg|noem|spreek) (?:alstublieft )?(?:uw|je) naam',
    'reden van (?:uw|je) (?:oproep|telefoontje|gesprek)',
    'waarom (?:u|je) belt',
  ],
  machine: [
    '(?:spreek|laat|spreekt|laten) (?:\\p{L}+ ){0,6}(?:bericht|boodschap|naam|nummer|voicemail)',
    'na de (?:piep|toon|pieptoon|beep)',
    '(?:voicemail|antwoordapparaat)',
    '(?:ben|zijn|is) (?:\\p{L}+ ){0,4}(?:niet|even niet) (?:bereikbaar|beschikbaar)',
    '(?:persoon|abonnee|nummer) (?:die|dat) u (?:\\p{L}+ )?(?:belt|gebeld|gekozen|probeert)',
  ],
  ivr: [
    '(?:toets|druk op|kies|druk) (?:een )?(?:#|hekje|sterretje)',
    'al onze medewerkers',
    'dit gesprek (?:kan|wordt)',
  ],
  hold: [
    'blijf(?:t u)? (?:even )?aan de lijn',
    '(?:een|klein) (?:moment(?:je)?|ogenblik(?:je)?)',
    'ik verbind u',
  ],
};

const POLISH: Phrases = {
  personal: [
    'czy (?:chce|chcialby|chcialaby) (?:\\p{L}+ )?zostawic',
    'w czym moge pomoc',
    'kto mowi',
  ],
  screening: ['(?:podaj|powiedz|prosze podac) (?:swoje )?imie'],
  machine: [
    'zostaw(?:ic)? (?:\\p{L}+ ){0,2}wiadomosc',
    'po (?:uslyszeniu )?(?:sygnale|sygnalu)',
    '(?:poczta|skrzynka) glosowa',
    '(?:abonent|numer) (?:\\p{L}+ ){0,6}(?:niedostepny|nie odpowiada|poza zasiegiem|wylaczony|nieosiagalny)',
    'nie mo(?:ge|zemy) (?:\\p{L}+ )?odebrac',
  ],
  ivr: [
    '(?:wybierz|nacisnij|wcisnij|wybrac) #',
    'wszyscy (?:nasi )?konsultanci',
    'rozmowa (?:jest|moze byc) nagrywana',
  ],
  hold: ['prosze (?:czekac|poczekac)', 'chwileczke', 'lacze'],
};

const JAPANESE: Phrases = {
  personal: ['どちら様', 'どなた', 'ご用件を(?:お伺|承)'],
  screening: ['お名前と(?:ご)?用件', 'お名前を(?:おっしゃ|お話し|お聞かせ)'],
  machine: [
    '留守番電話',
    'メッセージを(?:お)?(?:残|入|録音|どうぞ)',
    '発信音の(?:後|あと)',
    'ピーという',
    '電話に出(?:ること|られ)',
    '電波の届かない',
    '電源が入っていない',
    'おかけになった電話',
  ],
  ivr: ['(?:を|番を)押して', 'プッシュ', '担当者におつなぎ'],
  hold: ['お待ちください', 'お待ち下さい'],
};

const CHINESE: Phrases = {
  personal: [
    '(?:要|需要)(?:不要)?留言[吗嗎]',
    '哪位',
    '你是谁',
    '您是谁',
    '你是誰',
    '有什么可以帮',
    '有什麼可以幫',
  ],
  screening: ['(?:说出|告诉我|留下|說出|告訴我)(?:您|你)的(?:姓名|名字)和'],
  machine: [
    '留言',
    '(?:语音|語音)信箱',
    '(?:提示音|滴声|嘟声|嗶聲|嘟聲)',
    '(?:您|你)(?:所)?(?:拨打|撥打|拨叫)的',
    '(?:无法接通|無法接通|暂时无人接听|暫時無人接聽|已关机|已關機|不在服务区|空号|空號)',
  ],
  ivr: ['(?:请|請)按', '按[一二三四五六七八九零0-9]', '人工(?:服务|服務)'],
  hold: ['(?:请|請)(?:稍等|稍候|等)'],
};

export const LANGUAGES: readonly Phrases[] = [
  ENGLISH,
  GERMAN,
  FRENCH,
  SPANISH,
  ITALIAN,
  PORTUGUESE,
  DUTCH,
  POLISH,
  JAPANESE,
  CHINESE,
];

/** What `#` stands for, in all of them. */
export const DIGITS = [
  '[0-9]+',
  'one|two|three|four|five|six|seven|eight|nine|zero',
  'eins?|zwei|drei|vier|funf|sechs|sieben|acht|neun|null',
  'un|deux|trois|quatre|cinq|huit|neuf',
  'uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|cero',
  'due|tre|quattro|cinque|sei|sette|otto|nove',
  'um|dois|quatro|sete|oito',
  'een|twee|drie|vijf|zes|zeven|negen|nul',
  'jeden|dwa|trzy|cztery|piec|szesc',
].join('|');
