/** What a person who sends nothing but the word wants. */
export type OptOutWish = 'stop' | 'start' | 'help'

export type OptOutWords = Readonly<Record<OptOutWish, readonly string[]>>

/**
 * The words by which people stop messages, take that back, and ask for help, by their language's tag. They are compared
 * by `folded`, so that accents, Arabic hamzas and case are written here as a dictionary has them.
 *
 * Sources:
 * - en: CTIA, "Messaging Principles and Best Practices" (STOP, END, CANCEL, UNSUBSCRIBE, QUIT; HELP); 47 CFR 64.1200(a)(10)
 *   (REVOKE, OPT OUT); Twilio, "Support for opt-out keywords" (STOPALL; START, UNSTOP; HELP, INFO); AWS End User Messaging,
 *   "Required opt-out keywords" (OPT-OUT, REMOVE, ARRET). YES is left out, although Twilio takes it for START, and so is
 *   TD, which AWS takes for STOP: both are answers that people give.
 * - fr: ARRET and AIDE as Canadian carriers demand them; STOP and CONTACT as the French short codes' charter does.
 * - es: BAJA and ALTA, PARAR, AYUDA as programmes in Spain and Latin America use them. pt: SAIR and PARAR as in Brazil.
 * - de: STOPP, ABMELDEN, HILFE as programmes in Germany use them.
 * - sw, ar, hi, am: no carrier prescribes words; these are the plain words for "stop" and "unsubscribe", "start" and "help".
 *   Have a speaker look at them before a programme leans on them.
 *
 * Where a word is an answer that an app expects (`baja` is also "low"), the option `without` takes it away.
 */
export const optOutWords: Readonly<Record<string, OptOutWords>> = {
  en: {
    stop: [
      'stop',
      'stopall',
      'stop all',
      'unsubscribe',
      'cancel',
      'end',
      'quit',
      'revoke',
      'optout',
      'opt out',
      'opt-out',
      'remove',
    ],
    start: ['start', 'unstop'],
    help: ['help', 'info'],
  },
  es: {
    stop: ['alto', 'baja', 'parar', 'pare', 'detener', 'cancelar', 'darse de baja', 'salir'],
    start: ['alta', 'iniciar', 'comenzar'],
    help: ['ayuda'],
  },
  fr: {
    stop: ['arrêt', 'arrêter', 'arrêtez', 'désabonner', 'désinscrire', 'désabonnement', 'annuler'],
    start: ['démarrer', 'commencer', 'reprendre'],
    help: ['aide', 'contact'],
  },
  pt: {
    stop: ['sair', 'parar', 'pare', 'cancelar', 'descadastrar', 'remover'],
    start: ['iniciar', 'começar', 'voltar'],
    help: ['ajuda'],
  },
  de: {
    stop: ['stopp', 'abmelden', 'abbestellen', 'kündigen', 'beenden'],
    start: ['anmelden', 'starten'],
    help: ['hilfe'],
  },
  sw: {
    stop: ['acha', 'simama', 'simamisha', 'sitisha', 'komesha', 'jiondoe'],
    start: ['anza', 'endelea'],
    help: ['msaada', 'usaidizi'],
  },
  ar: {
    stop: ['إيقاف', 'أوقف', 'توقف', 'قف', 'إلغاء', 'إلغاء الاشتراك'],
    start: ['ابدأ', 'بدء', 'اشتراك'],
    help: ['مساعدة'],
  },
  hi: {
    stop: ['रोकें', 'रोको', 'रुकें', 'बंद', 'बंद करें', 'बंद करो'],
    start: ['शुरू', 'शुरू करें', 'चालू'],
    help: ['मदद', 'सहायता'],
  },
  am: {
    stop: ['አቁም', 'አቁሙ', 'አቋርጥ', 'ይቁም', 'ሰርዝ'],
    start: ['ጀምር', 'ጀምሩ', 'ቀጥል'],
    help: ['እርዳታ', 'እገዛ'],
  },
}

/** What STOP and START are answered, by language. `%(project_name)s` stands for the project's name. */
export const optOutTexts: Readonly<Record<OptOutWish, Readonly<Record<string, string>>>> = {
  stop: {
    en: '%(project_name)s: you will get no more messages from us. Send START to get them again.',
    es: '%(project_name)s: no recibirá más mensajes. Envíe ALTA para volver a recibirlos.',
    fr: '%(project_name)s : vous ne recevrez plus de messages. Envoyez START pour en recevoir à nouveau.',
    pt: '%(project_name)s: você não receberá mais mensagens. Envie START para voltar a receber.',
    de: '%(project_name)s: Sie erhalten keine Nachrichten mehr. Mit START erhalten Sie sie wieder.',
    sw: '%(project_name)s: hutapokea ujumbe tena. Tuma ANZA kupokea tena.',
    ar: '%(project_name)s: لن تصلك رسائل أخرى. أرسل START لاستقبالها من جديد.',
    hi: '%(project_name)s: अब आपको संदेश नहीं मिलेंगे। फिर से पाने के लिए START भेजें।',
    am: '%(project_name)s፦ ከእንግዲህ መልእክት አይደርስዎትም። እንደገና ለመቀበል START ይላኩ።',
  },
  start: {
    en: '%(project_name)s: you will get our messages again. Send STOP to end them.',
    es: '%(project_name)s: volverá a recibir nuestros mensajes. Envíe STOP para terminar.',
    fr: '%(project_name)s : vous recevrez à nouveau nos messages. Envoyez STOP pour les arrêter.',
    pt: '%(project_name)s: você voltará a receber nossas mensagens. Envie STOP para parar.',
    de: '%(project_name)s: Sie erhalten unsere Nachrichten wieder. Mit STOP beenden Sie das.',
    sw: '%(project_name)s: utapokea ujumbe wetu tena. Tuma STOP kuacha.',
    ar: '%(project_name)s: ستصلك رسائلنا من جديد. أرسل STOP لإيقافها.',
    hi: '%(project_name)s: आपको हमारे संदेश फिर से मिलेंगे। बंद करने के लिए STOP भेजें।',
    am: '%(project_name)s፦ መልእክቶቻችን እንደገና ይደርስዎታል። ለማቆም STOP ይላኩ።',
  },
  help: {
    en: '%(project_name)s: send STOP to get no more messages, START to get them again.',
    es: '%(project_name)s: envíe STOP para no recibir más mensajes, START para volver a recibirlos.',
    fr: '%(project_name)s : envoyez STOP pour ne plus recevoir de messages, START pour en recevoir à nouveau.',
    pt: '%(project_name)s: envie STOP para não receber mais mensagens, START para voltar a receber.',
    de: '%(project_name)s: Mit STOP erhalten Sie keine Nachrichten mehr, mit START wieder.',
    sw: '%(project_name)s: tuma STOP kuacha kupokea ujumbe, START kupokea tena.',
    ar: '%(project_name)s: أرسل STOP لإيقاف الرسائل، وSTART لاستقبالها من جديد.',
    hi: '%(project_name)s: संदेश बंद करने के लिए STOP, फिर से पाने के लिए START भेजें।',
    am: '%(project_name)s፦ መልእክት ለማቆም STOP፣ እንደገና ለመቀበል START ይላኩ።',
  },
}

/**
 * A whole message as it is compared: without regard to case, blanks, accents, marks that are not seen, and punctuation
 * around it.
 */
export function folded(text: string): string {
  return (
    text
      .toLowerCase()
      .normalize('NFKD')
      // Latin accents, and Arabic vowels and hamzas, which people leave out; the signs of other scripts are letters.
      .replace(/[\u0300-\u036f\u064b-\u0655\p{Cf}]/gu, '')
      .replaceAll('\ufe0f', '')
      .replace(/[\p{P}\p{S}\s]+$/u, '')
      .replace(/^[\p{P}\s]+/u, '')
      .replace(/\s+/g, ' ')
  )
}
