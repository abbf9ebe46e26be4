const form = document.querySelector('form')
const receiver = document.querySelector('#receiver')
const button = document.querySelector('button')
const status = document.querySelector('[role=status]')

const errors = {
  receiver_missing: 'Please type your number.',
  receiver_validation: 'This is not a mobile number. With +49 or the like before it, it is understood from everywhere.',
  limit_acceded: 'That was often enough for now. Please come again in an hour.',
}

async function ask(path, values) {
  const answer = await fetch(path, { method: 'POST', body: new URLSearchParams(values) })
  return answer.json()
}

receiver.addEventListener('change', async () => {
  if (receiver.value.trim() === '') return
  const { number } = await ask('/validate_number/', { number: receiver.value })
  status.textContent = typeof number === 'string' ? `We understand ${number}.` : errors.receiver_validation
})

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  button.disabled = true
  try {
    const { status: word, error, number } = await ask('/message/', new FormData(form))
    status.textContent =
      word === 'ok'
        ? `The link is on its way to ${number}.`
        : (errors[error] ?? 'That did not work. Please try again later.')
  } catch {
    status.textContent = 'That did not work. Are you online?'
  }
  button.disabled = false
})
